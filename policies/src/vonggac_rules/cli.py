"""`vonggac-rules`: check, list, show, compile, eval, verify-proof and repository. Prints; decides nothing itself.

Exit codes: 0 good, 1 findings or refusals, 2 wrong use or environment.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from vonggac_contract import limits
from vonggac_contract.decode import bounded_json
from vonggac_contract.errors import ContractError
from vonggac_contract.finding import Outcome
from vonggac_contract.rule import Direction, Rule, Text
from vonggac_contract.snapshot import snapshot_from_value

from . import ceremony, proving
from .builtin import default_rulebook_bytes
from .errors import Place, RuleError
from .evaluate import View, decide_rule
from .explain import Language
from .folder import CASES_SUFFIX, PROFILE_SUFFIX, RULE_SUFFIX
from .pack import compile_pack, load_pack, pack_of, read_clauses, rule_of
from .paragraph import explain, parameter
from .rulebook import Rulebook, load_rulebook
from .soundness import unsound, unsound_values
from .trace import Trace, inert, said, trace_rule
from .types import nearest

GOOD, FINDINGS, WRONG_USE = 0, 1, 2
MAX_TOLD = 500
"""Errors, and warnings, that are printed; --json has all."""
MAX_FACTS_BYTES = limits.MAX_UNPACKED_BYTES


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    args = parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except (ContractError, OSError) as e:
        words, hint = str(e), "check the path and its permissions"
        if isinstance(e, ContractError):
            hint = e.hint
        elif e.strerror and e.filename:
            words = f"{e.filename}: {e.strerror}"
        print(f"vonggac-rules: {inert(words)}\n  {inert(hint)}", file=sys.stderr)
        return WRONG_USE
    return code


def parser() -> argparse.ArgumentParser:
    """The command line; docs/commands.md is compared with it by a test."""
    top = argparse.ArgumentParser(
        prog="vonggac-rules", description="Author rules: check, explain, compile, decide saved facts."
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, epilog=f"Example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(run=run)
        return sub

    check = command(
        "check", _check, "Check rules, cases and profiles of a folder.",
        "vonggac-rules check policies --only 'linux.ssh.*'",
    )  # fmt: skip
    check.add_argument("folder", type=Path, help="folder with packs and profiles, or one rule's file")
    check.add_argument("--profiles", type=Path, metavar="DIR", help="folder with local profiles")
    check.add_argument(
        "--only", metavar="IDS", help="say only what is wrong with these rules (* for any text)"
    )
    check.add_argument("--strict", action="store_true", help="a warning fails like an error")
    check.add_argument("--json", action="store_true", help="errors and warnings as JSON")

    lists = command("list", _list, "List the rules of a folder.", "vonggac-rules list policies --json")
    lists.add_argument("folder", type=Path, help="folder with packs and profiles")
    lists.add_argument("--json", action="store_true", help="rules as JSON")

    show = command("show", _show, "Explain one rule.", "vonggac-rules show linux.ssh.root-login --lang vi")
    show.add_argument("rule", help="rule id")
    show.add_argument("--rulebook", type=Path, help="compiled rulebook (default: the one of this release)")
    show.add_argument("--profile", help="show the values of this profile instead of the defaults")
    show.add_argument(
        "--levels", action="store_true", help="the values that each profile gives its parameters"
    )
    show.add_argument("--lang", choices=("vi", "en"), default="vi", help="language (default vi)")

    build = command(
        "compile", _compile, "Compile packs and profiles into one rulebook.",
        "vonggac-rules compile policies --out rulebook.json",
    )  # fmt: skip
    build.add_argument(
        "folder", type=Path, nargs="?",
        help="folder with packs, profiles and data/level-controls.csv (default: the rulebook of this release)",
    )  # fmt: skip
    build.add_argument("--profiles", type=Path, metavar="DIR", help="folder with local profiles to add")
    build.add_argument(
        "--strict", action="store_true", help="write nothing if there is a warning, such as a looser value"
    )
    build.add_argument("--out", type=Path, required=True, help="file to write")
    build.add_argument(
        "--version",
        help="version to write into the rulebook (default 0.1.0, or this release's with +local)",
    )

    decides = command(
        "eval", _eval, "Decide facts that were saved by a scan.",
        "vonggac-agent scan --save-facts f.json && vonggac-rules eval --facts f.json --profile tcvn14423-level3",
    )  # fmt: skip
    decides.add_argument("--facts", type=Path, required=True, help="facts file")
    decides.add_argument("--profile", required=True, help="profile id")
    decides.add_argument("--rulebook", type=Path, help="compiled rulebook (default: the one of this release)")
    decides.add_argument("--rule", help="only this rule")
    decides.add_argument(
        "--trace", action="store_true", help="every comparison: what was asked, found and decided"
    )
    decides.add_argument("--json", action="store_true", help="findings as JSON")

    proving.add_arguments(
        command(
            "verify-proof", proving.verify_proof,
            "Say what a proof file proves, offline and with public keys only; 1 with the first thing that fails.",
            "vonggac-rules verify-proof proof.json --collector-key collector.pem --checkpoint kept.json",
        )
    )  # fmt: skip
    ceremony.add_commands(commands)
    return top


def _check(args: argparse.Namespace) -> int:
    only = args.only
    if _names_a_rule(args.folder):
        only = only or rule_of(args.folder.name)
        pack = load_pack(args.folder.parent)
    else:
        pack = load_pack(args.folder, args.profiles)
    errors = pack.errors + unsound(pack.rules, pack.profiles, pack.sources, pack.cases)
    warnings = pack.warnings
    rules = sorted(pack.rules)
    if only:
        rules = fnmatch.filter(rules, only)
        errors, warnings = ([e for e in told if _is_about(e, only)] for told in (errors, warnings))
    if only and not rules and not errors:
        raise ContractError(f"no rule is called {only}", hint=nearest(only, pack.rules))
    if args.json:
        told = [("error", e) for e in sorted(errors, key=_place)]
        told += [("warning", e) for e in sorted(warnings, key=_place)]
        _print_json(
            [{"kind": k, "place": str(e.place), "message": e.message, "hint": e.hint} for k, e in told]
        )
    else:
        _report(errors, warnings)
        cases = sum(len(pack.cases[r]) for r in rules)
        profiles = "" if only else f", {_counted(len(pack.profiles), 'profile')}"
        verdict = _counted(len(errors), "error") if errors else "all hold"
        beside = f", {_counted(len(warnings), 'warning')}" if warnings else ""
        print(f"{_counted(len(rules), 'rule')}, {_counted(cases, 'case')}{profiles}: {verdict}{beside}")
    return FINDINGS if errors or not rules or (args.strict and warnings) else GOOD


def _names_a_rule(path: Path) -> bool:
    """Whether the path is a rule's file and no folder. Raises ContractError for another file."""
    if path.is_dir():
        return False
    if path.name.endswith((RULE_SUFFIX, CASES_SUFFIX)):
        return True
    if path.exists():
        hint = f"name a folder, or a rule's file, which ends in {RULE_SUFFIX}"
        if path.name.endswith(PROFILE_SUFFIX):
            hint = "name the folder of packs, and the profile's own folder by --profiles DIR"
        raise ContractError(f"{path.name} is no file of a rule", hint=hint)
    return False


def _is_about(error: RuleError, only: str) -> bool:
    """Whether the error is in a file of rules or cases that `only` names, or in one that is named nearly so."""
    name = Path(error.place.file).name
    return fnmatch.fnmatch(rule_of(name) or name.split(".rule")[0], only)


def _place(error: RuleError) -> Place:
    return error.place


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _list(args: argparse.Namespace) -> int:
    pack = load_pack(args.folder)
    _report(pack.errors, pack.warnings)
    rows = []
    for rule_id, loaded in sorted(pack.rules.items()):
        outcomes = [str(c.outcome) for c in pack.cases[rule_id]]
        rule = loaded.rule
        rows.append(
            {
                "id": rule_id,
                "platform": rule.platform,
                "severity": rule.severity,
                "domain": rule.domain,
                "cases": {str(o): outcomes.count(o) for o in Outcome},
                "maps": rule.maps,
                "profiles": [p.id for p in pack.profiles if rule_id in p.rules],
                "title": {"vi": rule.title.vi, "en": rule.title.en},
            }
        )
    if args.json:
        _print_json(rows)
    else:
        for row in rows:
            print(f"{row['id']:<48} {row['severity']:<9} {row['domain']:<14} {row['title']['en']}")  # type: ignore[index]
    return FINDINGS if pack.errors else GOOD


def _show(args: argparse.Namespace) -> int:
    book = _rulebook(args.rulebook)
    rule = book.rules.get(args.rule)
    if rule is None:
        raise ContractError(f"no rule is called {args.rule}", hint=nearest(args.rule, book.rules))
    values = {n: d.default for n, d in rule.parameters.items()}
    if args.profile:
        values |= book.profile(args.profile).rules.get(rule.id, {})
    language: Language = args.lang

    def say(text: Text) -> str:
        return _said(text, language)

    print(f"{rule.id}  [{rule.severity}, {rule.domain}]\n{say(rule.title)}\n\n{say(rule.why)}\n")
    print(explain(rule, language, values))
    if args.levels:
        _print_levels(book, rule, language)
    for family, steps in rule.fix.items():
        print(f"\n[{family}]\n{say(steps)}")
    for kind, ids in rule.maps.items():
        print(f"\n{kind}: {', '.join(ids)}", end="")
    print()
    return GOOD


_WAYS: Final[dict[Language, dict[Direction, str]]] = {
    "vi": {"": "", "looser": "; lỏng hơn", "tighter": "; chặt hơn", "other": "; có thể lỏng hơn"},
    "en": {"": "", "looser": "; looser", "tighter": "; tighter", "other": "; may be looser"},
}


def _print_levels(book: Rulebook, rule: Rule, language: Language) -> None:
    """Which profiles ask the rule, with which values, and what a local one changed."""
    print()
    for profile in book.profiles.values():
        if rule.id not in profile.rules:
            dropped = next((c.reason for c in profile.changes if c.rule == rule.id and c.reason), None)
            print(f"{profile.id}: -" + (f"  ({_said(dropped, language)})" if dropped else ""))
            continue
        given = {n: d.default for n, d in rule.parameters.items()} | profile.rules[rule.id]
        values = ", ".join(f"{n}: {parameter(rule, n, v, language)}" for n, v in given.items())
        changed = [c for c in profile.changes if c.rule == rule.id and c.kind == "set"]
        before = "".join(
            f"  ({profile.extends}: {parameter(rule, c.parameter, c.before, language)}{_WAYS[language][c.direction]})"
            for c in changed
        )
        print(f"{profile.id}: {values or '+'}{before}")


def _said(text: Text, language: Language) -> str:
    return text.vi if language == "vi" else text.en


def _compile(args: argparse.Namespace) -> int:
    if args.folder is not None:
        pack = load_pack(args.folder, args.profiles)
        table = args.folder / "data" / "level-controls.csv"
        clauses = read_clauses(table) if table.is_file() else {}
        version = args.version or "0.1.0"
    elif args.profiles is not None:
        book = load_rulebook(default_rulebook_bytes())
        pack, clauses, version = (
            pack_of(book, args.profiles),
            book.clauses,
            args.version or f"{book.version}+local",
        )
    else:
        raise ContractError("there is nothing to compile", hint="name a folder, or --profiles DIR")
    local = [p for p in pack.profiles if p.extends]
    errors = pack.errors or unsound_values(pack.rules, local, pack.sources)
    _report(errors, pack.warnings)
    if errors or (args.strict and pack.warnings):
        return FINDINGS
    raw = compile_pack(pack, version, clauses)
    book = load_rulebook(raw)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = args.out.with_suffix(".new")
    temporary.write_bytes(raw)
    temporary.replace(args.out)
    for profile in local:
        instead = f", instead of it at level {profile.level}" if profile.replaces else ""
        print(f"{profile.id} extends {profile.extends}{instead}; changes: {len(profile.changes)}")
    print(f"{len(book.rules)} rules, {len(book.profiles)} profiles, {len(raw)} bytes, digest {book.digest}")
    return GOOD


def _eval(args: argparse.Namespace) -> int:
    book = _rulebook(args.rulebook)
    raw = _read(args.facts, MAX_FACTS_BYTES)
    with _made_by(args.facts, "vonggac-agent scan --save-facts"):
        snapshot = snapshot_from_value(bounded_json(raw, maximum=MAX_FACTS_BYTES))
    asked = book.profile_rules(args.profile)
    if args.rule:
        asked = [(rule, values) for rule, values in asked if rule.id == args.rule]
        if not asked:
            hint = nearest(args.rule, book.profile(args.profile).rules)
            raise ContractError(f"{args.profile} does not ask {args.rule}", hint=hint)
    view = View(snapshot)
    if args.trace:
        traces = [trace_rule(rule, values, view) for rule, values in asked]
    else:
        traces = [Trace(decide_rule(rule, values, view), ()) for rule, values in asked]
    if args.json:
        _print_json(traces if args.trace else [t.finding for t in traces])
    else:
        for trace in traces:
            _print_finding(trace, args.trace)
    failed = any(t.finding.outcome in (Outcome.FAIL, Outcome.PARTIAL) for t in traces)
    return FINDINGS if failed else GOOD


def _print_finding(trace: Trace, traced: bool) -> None:
    f = trace.finding
    reason = f" ({f.reason})" if f.reason else ""
    print(f"{f.outcome:<15} {f.severity:<9} {f.rule}{reason}")
    if traced:
        for line in said(trace):
            print(line)
        return
    for e in f.evidence if f.outcome in (Outcome.FAIL, Outcome.PARTIAL) else []:
        print(f"    {e.fact}: {e.operator} {e.expected!r}, found {e.actual!r}")


def _rulebook(path: Path | None) -> Rulebook:
    if path is None:
        return load_rulebook(default_rulebook_bytes())
    raw = _read(path, limits.MAX_UNPACKED_BYTES)
    with _made_by(path, "vonggac-rules compile"):
        return load_rulebook(raw)


@contextlib.contextmanager
def _made_by(path: Path, program: str) -> Iterator[None]:
    """What the contract says of bytes from another machine, said of a file that was named here."""
    try:
        yield
    except ContractError as e:
        raise ContractError(f"{path}: {e}", hint=f"name a file that `{program}` of this release made") from e


def _read(path: Path, maximum: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(maximum + 1)


def _report(errors: list[RuleError], warnings: list[RuleError]) -> None:
    """Every error, then every warning, by file, line and column; of very many the first."""
    for told, word, more in ((errors, "", "error"), (warnings, "warning: ", "warning")):
        for error in sorted(told, key=_place)[:MAX_TOLD]:
            line = inert(f"{error.place}: {word}{error.message}")
            print(f"{line}\n    {inert(error.hint)}", file=sys.stderr)
        if len(told) > MAX_TOLD:
            print(f"and {_counted(len(told) - MAX_TOLD, f'more {more}')}", file=sys.stderr)


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


__all__ = ["RuleError", "main", "parser"]
