"""A folder of packs and profiles, loaded and proven: every rule with its cases, every profile against the rules.

Or a compiled rulebook, to which an administrator adds profiles of their own.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from vonggac_contract.rule import SCHEMA, Profile, RulebookFile

from .cases import Case, fault, load_cases
from .errors import Place, RuleError
from .load import LoadedRule, load_rule
from .profiles import Books, is_local, load_local, load_profile
from .rulebook import Rulebook
from .source import Source, read_source
from .uses import parameter_uses

RULE_SUFFIX = ".rule.yaml"
CASES_SUFFIX = ".cases.yaml"
PROFILE_SUFFIX = ".profile.yaml"


class Pack(msgspec.Struct, frozen=True):
    """What stands; `errors` holds one entry for each file or case that does not. `sources`: profiles' files by id."""

    rules: dict[str, LoadedRule]
    cases: dict[str, list[Case]]
    profiles: list[Profile]
    errors: list[RuleError]
    sources: dict[str, Source] = {}


def load_pack(root: Path, local: Path | None = None) -> Pack:
    """Load every rule, case and profile under `root`, and the profiles under `local`.

    Of what is wrong nothing is raised, so that an author sees all errors at once; RuleError if there is no such folder.
    """
    errors: list[RuleError] = []
    rules: dict[str, LoadedRule] = {}
    cases: dict[str, list[Case]] = {}
    refused: set[str] = set()
    for path in _files(root, RULE_SUFFIX):
        try:
            loaded, found = _rule(path, root, rules)
            rules[loaded.rule.id] = loaded
            cases[loaded.rule.id] = [c for c, _ in found]
            errors += [e for _, e in found if e is not None]
        except RuleError as e:
            refused.add(rule_of(path.name))
            errors.append(e)
    written = _read(_files(root, PROFILE_SUFFIX), root, errors)
    if local is not None:
        written += _read(_files(local, PROFILE_SUFFIX), local.parent, errors)
    return with_profiles(Pack(rules, cases, [], errors), written, refused)


def pack_of(book: Rulebook, local: Path) -> Pack:
    """A compiled rulebook's rules and profiles with the profiles under `local`. Raises RuleError: no such folder."""
    errors: list[RuleError] = []
    whole = Source(f"rulebook {book.version}", {}, {})
    rules = {i: LoadedRule(r, parameter_uses(r), whole) for i, r in book.rules.items()}
    profiles = list(book.profiles.values())
    pack = Pack(rules, {}, profiles, errors, {p.id: whole for p in profiles})
    return with_profiles(pack, _read(_files(local, PROFILE_SUFFIX), local.parent, errors), ())


def with_profiles(pack: Pack, written: list[Source], refused: Collection[str]) -> Pack:
    """The pack with the profiles of these files, the complete ones first."""
    profiles, sources, errors = list(pack.profiles), dict(pack.sources), list(pack.errors)
    extends = {str(s.value.get("id")): str(s.value.get("extends")) for s in written if is_local(s)}
    for source in sorted(written, key=is_local):
        try:
            if is_local(source):
                complete = {p.id: p for p in profiles if not p.extends}
                profile = load_local(source, Books(pack.rules, refused, complete, extends))
            else:
                profile = load_profile(source, pack.rules, refused)
            if any(p.id == profile.id for p in profiles):
                raise RuleError(
                    source.place(("id",)), f"profile {profile.id} is there twice", hint="give one another id"
                )
            rival = next((p for p in profiles if p.replaces and p.level == profile.level), None)
            if profile.replaces and rival is not None:
                raise RuleError(
                    source.place(("replaces",)),
                    f"{rival.id} replaces the profile of level {profile.level} already",
                    hint="only one profile can be that of a level; drop `replaces` from one of the two",
                )
            profiles.append(profile)
            sources[profile.id] = source
        except RuleError as e:
            errors.append(e)
    return Pack(pack.rules, pack.cases, profiles, errors, sources)


def _files(root: Path, suffix: str) -> list[Path]:
    if not root.is_dir():
        raise RuleError(
            Place(str(root)), "no such folder", hint="name the folder that holds packs and profiles"
        )
    return sorted(root.rglob(f"*{suffix}"))


def _read(paths: list[Path], root: Path, errors: list[RuleError]) -> list[Source]:
    found = []
    for path in paths:
        try:
            found.append(read_source(path, relative_to=root))
        except RuleError as e:
            errors.append(e)
    return found


def _rule(
    path: Path, root: Path, rules: Mapping[str, LoadedRule]
) -> tuple[LoadedRule, list[tuple[Case, RuleError | None]]]:
    """The rule with its cases, each with what is wrong with its outcome. Raises RuleError."""
    loaded = load_rule(read_source(path, relative_to=root))
    rule_id, place = loaded.rule.id, loaded.source.place(("id",))
    if path.name != rule_id + RULE_SUFFIX:
        raise RuleError(
            place, f"the file of {rule_id} is named {rule_id}{RULE_SUFFIX}",
            hint="rename the file or the rule; an id is never used again for another demand",
        )  # fmt: skip
    if rule_id in rules:
        hint = f"the other is {rules[rule_id].source.file}; keep one of the two"
        raise RuleError(place, f"{rule_id} is there twice", hint=hint)
    beside = path.with_name(rule_id + CASES_SUFFIX)
    if not beside.is_file():
        raise RuleError(
            place, "no cases beside the rule", hint=f"write {beside.name} with a pass and a fail case"
        )
    written = read_source(beside, relative_to=root)
    found: list[tuple[Case, RuleError | None]] = []
    for case in load_cases(written, loaded):
        words, at = fault(loaded, case)
        wrong = RuleError(written.place(at), words, hint="mend the rule or the case") if words else None
        found.append((case, wrong))
    return loaded, found


def rule_of(file: str) -> str:
    """The id of the rule that a file of rules or cases is about; empty for another file."""
    name = Path(file).name
    suffix = next((s for s in (RULE_SUFFIX, CASES_SUFFIX) if name.endswith(s)), None)
    return name.removesuffix(suffix) if suffix else ""


def compile_pack(pack: Pack, version: str, clauses: dict[str, dict[str, str]]) -> bytes:
    """The rulebook's bytes: the same pack gives the same bytes. Raises RuleError if the pack has errors."""
    if pack.errors:
        raise pack.errors[0]
    rules = [pack.rules[k].rule for k in sorted(pack.rules)]
    named = {c for r in rules for c in r.maps.get("tcvn14423", ())}
    chosen = {c: clauses[c] for c in sorted(named) if c in clauses}
    return msgspec.json.encode(RulebookFile(SCHEMA, version, rules, pack.profiles, chosen), order="sorted")


def read_clauses(path: Path) -> dict[str, dict[str, str]]:
    """Control id -> level -> clause, from the table of level controls (see its header for source and caveats)."""
    found: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(line for line in stream if not line.startswith("#")):
            found.setdefault(row["control_id"], {})[row["level"]] = row["clause"]
    return found
