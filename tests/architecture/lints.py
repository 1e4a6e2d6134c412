"""What no module of ours may do, each as a pure function from a syntax tree to complaints.

Ruff holds the general habits; here stands what is particular to this house. `sources.py` brings the trees,
`test_lints.py` proves on small examples that each lint can complain.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Source:
    """One module: its path from the root of the repository and what it says."""

    path: PurePosixPath
    tree: ast.Module


@dataclass(frozen=True)
class Complaint:
    """Where, and what is wrong there. `place` is the path and the function, as the allow-lists name it."""

    place: str
    line: int
    wrong: str

    def __str__(self) -> str:
        return f"{self.place}: line {self.line}: {self.wrong}"


Lint = Callable[[Source], Iterator[Complaint]]

FORBIDDEN_CALLS = {
    "eval": "decide on values, never on code",
    "exec": "decide on values, never on code",
    "compile": "decide on values, never on code",
    "__import__": "import by name at the top of the module",
    "os.system": "it starts a shell",
    "os.popen": "it starts a shell",
    "subprocess.getoutput": "it starts a shell",
    "subprocess.getstatusoutput": "it starts a shell",
    "asyncio.create_subprocess_shell": "it starts a shell",
    "yaml.load": "use yaml.safe_load, or get_single_data() of a subclass of a safe loader",
    "yaml.load_all": "use yaml.safe_load_all",
    "yaml.full_load": "use yaml.safe_load",
    "yaml.unsafe_load": "use yaml.safe_load",
    "tempfile.mktemp": "somebody else can take the name first: use mkstemp",
}
FORBIDDEN_NAMES = {
    "yaml.Loader": "it builds any object",
    "yaml.FullLoader": "it builds more than plain values",
    "yaml.UnsafeLoader": "it builds any object",
    "yaml.CLoader": "it builds any object",
    "yaml.CFullLoader": "it builds more than plain values",
    "yaml.CUnsafeLoader": "it builds any object",
}
READING_RUNS_CODE = ("pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib")
FORBIDDEN_IMPORTS = dict.fromkeys(READING_RUNS_CODE, "reading it runs what the writer chose")
STARTERS = {
    "subprocess.run",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "asyncio.create_subprocess_exec",
}
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns", "localtime", "gmtime")),
}
SECRET_NAME = re.compile(
    r"(^|_)(token|password|passphrase|secret|api_?key|hmac|csrf|cookie)s?(_(hash|digest|value|text|bytes))?$",
    re.IGNORECASE,
)


def _imported(tree: ast.Module) -> dict[str, str]:
    """The full name behind each imported name: `{"sp": "subprocess", "run": "subprocess.run"}`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _full_name(node: ast.expr, imported: dict[str, str]) -> str:
    """The dotted name of an expression with imports resolved; empty for anything that is not a name."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        before = _full_name(node.value, imported)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _placed(source: Source) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the place it stands in: `path` or `path::Class.function`."""

    def walk(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inside = names
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside = (*names, child.name)
            yield f"{source.path}::{'.'.join(inside)}" if inside else str(source.path), child
            yield from walk(child, inside)

    return walk(source.tree, ())


def _calls(source: Source) -> Iterator[tuple[str, ast.Call, str]]:
    imported = _imported(source.tree)
    for place, node in _placed(source):
        if isinstance(node, ast.Call):
            yield place, node, _full_name(node.func, imported)


def runs_no_text_as_code(source: Source) -> Iterator[Complaint]:
    """No eval and its kin, no shell, no deserialiser that builds arbitrary objects."""
    for place, call, name in _calls(source):
        if name in FORBIDDEN_CALLS:
            yield Complaint(place, call.lineno, f"{name}(): {FORBIDDEN_CALLS[name]}")
    imported = _imported(source.tree)
    for place, node in _placed(source):
        if isinstance(node, ast.Name | ast.Attribute):
            name = _full_name(node, imported)
            if name in FORBIDDEN_NAMES:
                yield Complaint(place, node.lineno, f"{name}: {FORBIDDEN_NAMES[name]}")
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        else:
            continue
        for module in modules:
            if module.split(".")[0] in FORBIDDEN_IMPORTS:
                yield Complaint(
                    place, node.lineno, f"import {module}: {FORBIDDEN_IMPORTS[module.split('.')[0]]}"
                )


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in {"format", "join"}
    return isinstance(node, ast.JoinedStr)


def starts_programs_by_fixed_argv(source: Source) -> Iterator[Complaint]:
    """A program is started by a list whose first item is fixed in the code, never by a line of text."""
    for place, call, name in _calls(source):
        if name not in STARTERS:
            continue
        if any(keyword.arg == "shell" for keyword in call.keywords):
            yield Complaint(place, call.lineno, "shell=: programs are started by argv")
        if name == "asyncio.create_subprocess_exec":
            if not call.args or isinstance(call.args[0], ast.JoinedStr | ast.BinOp):
                yield Complaint(place, call.lineno, "the program to start is not fixed in the code")
            continue
        given = [keyword.value for keyword in call.keywords if keyword.arg == "args"]
        argv = call.args[0] if call.args else given[0] if given else None
        if argv is None or _is_text(argv):
            yield Complaint(place, call.lineno, "a program started by text: give a list")
        elif isinstance(argv, ast.List | ast.Tuple) and (
            not argv.elts or isinstance(argv.elts[0], ast.JoinedStr | ast.BinOp | ast.Subscript)
        ):
            yield Complaint(place, call.lineno, "the program to start is not fixed in the code")


def reaches_only_for_literal_names(source: Source) -> Iterator[Complaint]:
    """`getattr` and `import_module` take a name that is written in the code: a name from input picks any code."""
    for place, call, name in _calls(source):
        if name in {"getattr", "setattr", "delattr", "operator.attrgetter", "operator.methodcaller"}:
            wanted = call.args[1:2] if name.endswith("attr") and "." not in name else call.args
        elif name in {"importlib.import_module", "importlib.util.find_spec", "pkgutil.resolve_name"}:
            wanted = call.args[:1]
        else:
            continue
        if not wanted or not all(isinstance(part, ast.Constant) for part in wanted):
            yield Complaint(place, call.lineno, f"{name}() with a name that is not written here")


def _is_everything(node: ast.expr | None, imported: dict[str, str]) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_is_everything(item, imported) for item in node.elts)
    return node is None or _full_name(node, imported) in {"Exception", "BaseException"}


def loses_no_error(source: Source) -> Iterator[Complaint]:
    """No bare `except`, no catching of everything only to go on, no `suppress(Exception)`."""
    imported = _imported(source.tree)
    for place, node in _placed(source):
        if isinstance(node, ast.ExceptHandler) and _is_everything(node.type, imported):
            silent = all(
                isinstance(step, ast.Pass | ast.Continue | ast.Break)
                or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
                or (isinstance(step, ast.Return) and step.value is None)
                for step in node.body
            )
            if node.type is None:
                yield Complaint(place, node.lineno, "a bare except")
            elif silent:
                yield Complaint(place, node.lineno, "every error is caught and lost")
        if (
            isinstance(node, ast.Call)
            and _full_name(node.func, imported) == "contextlib.suppress"
            and any(_is_everything(argument, imported) for argument in node.args)
        ):
            yield Complaint(place, node.lineno, "every error is suppressed")


def asks_no_clock(source: Source) -> Iterator[Complaint]:
    """For modules that decide: the time is an argument."""
    for place, call, name in _calls(source):
        if name in CLOCKS:
            yield Complaint(place, call.lineno, f"{name}(): a module that decides is told the time")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        key = node.slice
        return (
            key.value
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
            else _last_name(node.value)
        )
    return ""


def _tells_nothing_by_its_time(node: ast.expr) -> bool:
    """A literal, a member of a class such as an enum's, or a column (`table.c.name`), which makes an SQL condition."""
    if isinstance(node, ast.Constant):
        return True
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    return (isinstance(owner, ast.Name) and owner.id[:1].isupper()) or (
        isinstance(owner, ast.Attribute) and owner.attr == "c"
    )


def compares_secrets_in_constant_time(source: Source) -> Iterator[Complaint]:
    """A token or a password's hash is compared by hmac.compare_digest, whose time tells nothing."""
    for place, node in _placed(source):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if not isinstance(operator, ast.Eq | ast.NotEq) or any(
                map(_tells_nothing_by_its_time, (left, right))
            ):
                continue
            named = next((n for n in map(_last_name, (left, right)) if SECRET_NAME.search(n)), None)
            if named:
                yield Complaint(place, node.lineno, f"{named} compared by ==: use hmac.compare_digest")


def patterns_stay_in_their_line(source: Source) -> Iterator[Complaint]:
    r"""No `^\s*` in a pattern for many lines: it runs over line ends, so blank lines are looked at again and again."""
    for place, call, name in _calls(source):
        if not name.startswith("re."):
            continue
        inside = list(ast.walk(call))
        pattern = "".join(p.value for p in inside if isinstance(p, ast.Constant) and isinstance(p.value, str))
        flags = {p.attr for p in inside if isinstance(p, ast.Attribute)}
        if ("(?m" in pattern or flags & {"M", "MULTILINE"}) and re.search(r"\^\\s[*+]", pattern):
            yield Complaint(place, call.lineno, r"^\s in a pattern for many lines: write ^[ \t]")
