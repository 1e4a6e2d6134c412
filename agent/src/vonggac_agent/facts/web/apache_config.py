"""Reads Apache's configuration as the server would: includes, conditions and variables resolved, modules collected.

Sources: httpd.apache.org/docs/2.4/mod/core.html (Include, IfModule, IfDefine, IfFile, Define, ServerRoot), mod_so
(LoadModule), mod_version (IfVersion); etc/apache2/envvars of Debian; etc/sysconfig/apache2 of SUSE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from vonggac_contract.facts import CouldNotLook, Reason

from ...formats import apache, assignments
from ...host import Host

MAX_FILES: Final = 2_000
MAX_DIRECTIVES: Final = 200_000
MAX_DEPTH: Final = 24
"""Includes, conditions and sections inside each other."""
MAX_VALUE: Final = 10_000
"""Characters of one argument after its variables were put in."""
BUILT_IN: Final = ("core", "so", "http", "log_config", "logio", "watchdog", "version", "unixd")
"""Modules that Debian and Red Hat build into the program (apache2 -l) or load always."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,80})\}")
_SHELL_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]{0,80})\}?")


class Layout(NamedTuple):
    """Where a distribution keeps Apache."""

    program: str
    config: str
    root: str


LAYOUTS: Final = (
    Layout("usr/sbin/apache2", "/etc/apache2/apache2.conf", "/etc/apache2"),
    Layout("usr/sbin/httpd", "/etc/httpd/conf/httpd.conf", "/etc/httpd"),
    Layout("usr/sbin/httpd", "/etc/apache2/httpd.conf", "/etc/apache2"),
    Layout("usr/sbin/httpd-prefork", "/etc/apache2/httpd.conf", "/etc/apache2"),
    Layout("usr/local/apache2/bin/httpd", "/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2"),
)


class Directive(NamedTuple):
    """One that is in force, with its file, `source` as file:line."""

    name: str
    arguments: tuple[str, ...]
    block: list[Directive] | None
    source: str


class Scope:
    """Directives of the main server, or of a virtual host on top of it, found by name."""

    def __init__(self, directives: list[Directive], outer: Scope | None = None) -> None:
        self.directives = directives
        self.outer = outer
        self._last = {d.name: d.arguments for d in directives if d.block is None}

    def words(self, name: str) -> tuple[str, ...]:
        """Arguments of the last directive of that name, here or else in the outer scope; () if there is none."""
        found = self._last.get(name)
        if found is None:
            return self.outer.words(name) if self.outer is not None else ()
        return found

    def word(self, name: str, default: str) -> str:
        """The first of these arguments."""
        return (self.words(name) or (default,))[0]


class Configuration(NamedTuple):
    """The main server's directives and sections, and the names of the modules, without `mod_` and `_module`."""

    directives: list[Directive]
    modules: frozenset[str]


def load(host: Host, layout: Layout) -> Configuration:
    """Raises CouldNotLook (too-large, permission-denied); ValueError if a file is malformed."""
    reader = _Reader(host, layout)
    found = list(reader.file(layout.config, 0))
    return Configuration(found, frozenset(reader.modules))


class _Reader:
    def __init__(self, host: Host, layout: Layout) -> None:
        self.host = host
        self.root = layout.root
        self.modules = {*BUILT_IN, *_suse_modules(host)}
        self.variables = environment(host.text(f"{layout.root}/envvars") or "")
        self.defined = set[str]()
        self.files = 0
        self.count = 0

    def file(self, path: str, depth: int) -> Iterator[Directive]:
        self.files += 1
        if depth > MAX_DEPTH or self.files > MAX_FILES:
            raise CouldNotLook(
                Reason.TOO_LARGE, f"Apache includes deeper than {MAX_DEPTH} or over {MAX_FILES} files"
            )
        yield from self.all(apache.parse(self.host.text(path) or ""), path, depth)

    def all(self, directives: list[apache.Directive], path: str, depth: int) -> Iterator[Directive]:
        for name, raw, block, line in directives:
            self.count += 1
            if self.count > MAX_DIRECTIVES:
                raise CouldNotLook(Reason.TOO_LARGE, f"Apache has over {MAX_DIRECTIVES} directives")
            arguments = tuple(self.filled(argument) for argument in raw)
            if block is not None and name.startswith("if") and name != "if":
                if depth < MAX_DEPTH and self.holds(name, arguments):
                    yield from self.all(block, path, depth + 1)
            elif name in ("include", "includeoptional"):
                for pattern in arguments[:1]:
                    for included in self.included(pattern):
                        yield from self.file(included, depth + 1)
            elif block is not None:
                if depth >= MAX_DEPTH:
                    raise CouldNotLook(Reason.TOO_LARGE, f"Apache nests deeper than {MAX_DEPTH}")
                yield Directive(name, arguments, list(self.all(block, path, depth + 1)), f"{path}:{line}")
            else:
                self.note(name, arguments)
                yield Directive(name, arguments, None, f"{path}:{line}")

    def note(self, name: str, arguments: tuple[str, ...]) -> None:
        """What later directives depend on."""
        if name == "define" and arguments:
            self.defined.add(arguments[0])
            self.variables[arguments[0]] = arguments[1] if len(arguments) > 1 else ""
        elif name == "undefine" and arguments:
            self.defined.discard(arguments[0])
        elif name == "loadmodule" and arguments:
            self.modules.add(module(arguments[0]))
        elif name == "serverroot" and arguments:
            self.root = arguments[0].rstrip("/") or "/"

    def filled(self, argument: str) -> str:
        """With its variables; one that is not known stays as it is written, as in Apache."""
        if "${" not in argument:
            return argument
        return _VARIABLE.sub(lambda m: self.variables.get(m[1], m[0])[:MAX_VALUE], argument)[:MAX_VALUE]

    def holds(self, name: str, arguments: tuple[str, ...]) -> bool:
        """A condition's truth; one of another kind (IfVersion) is taken to hold."""
        asked = arguments[0] if arguments else ""
        negated = asked.startswith("!")
        asked = asked.removeprefix("!")
        if name == "ifmodule":
            return (module(asked) in self.modules) is not negated
        if name == "ifdefine":
            return (asked in self.defined) is not negated
        if name == "iffile":
            return self.host.exists(self.under(asked)) is not negated
        return True

    def included(self, pattern: str) -> list[str]:
        """Files of an include; a folder stands for all in it, however deep."""
        waiting = self.host.glob(self.under(pattern))
        found: list[str] = []
        while waiting:
            path = waiting.pop(0)
            names = self.host.names(path)
            waiting = [f"{path}/{name}" for name in names] + waiting
            if not names:
                found.append(path)
            if len(found) + len(waiting) > MAX_FILES:
                raise CouldNotLook(Reason.TOO_LARGE, f"{pattern[:80]} includes over {MAX_FILES} files")
        return found

    def under(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.root}/{path}"


def module(name: str) -> str:
    """`mod_ssl.c`, `ssl_module`, `mod_ssl` as `ssl`."""
    return name.lower().removesuffix(".c").removeprefix("mod_").removesuffix("_module")


def environment(text: str) -> dict[str, str]:
    """Variables of Debian's envvars: plain assignments, those before it put in; `$SUFFIX` is empty for one instance."""
    found = {"SUFFIX": ""}
    for entry in assignments.parse(text, posix=True):
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,80}", entry.key):
            value = _SHELL_VARIABLE.sub(lambda m: found.get(m[1], ""), entry.value)
            found[entry.key] = value[:MAX_VALUE]
    return found


def _suse_modules(host: Host) -> list[str]:
    """APACHE_MODULES of SUSE, from which LoadModule lines are made at each start."""
    found = assignments.parse(host.text("etc/sysconfig/apache2") or "", posix=True)
    return [module(name) for entry in found if entry.key == "APACHE_MODULES" for name in entry.value.split()]
