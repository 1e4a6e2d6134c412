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
from .errors import RuleError, Slips
from .folder import CASES_SUFFIX, PROFILE_SUFFIX, RULE_SUFFIX, files_of, unread
from .load import RULE_ID, LoadedRule, load_rule
from .loosening import directed, loosened
from .profiles import Books, is_local, load_local, load_profile
from .rulebook import Rulebook
from .source import Source, read_source
from .uses import parameter_uses


class Pack(msgspec.Struct, frozen=True):
    """What stands. `errors`: everything that does not; `warnings`: what stands, and is likely to be meant otherwise.

    `sources`: profiles' files by id.
    """

    rules: dict[str, LoadedRule]
    cases: dict[str, list[Case]]
    profiles: list[Profile]
    errors: list[RuleError]
    sources: dict[str, Source] = {}
    warnings: list[RuleError] = []


def load_pack(root: Path, local: Path | None = None) -> Pack:
    """Load every rule, case and profile under `root`, and the profiles under `local`.

    Of what is wrong nothing is raised, so that an author sees all errors at once; RuleError if there is no such folder.
    """
    errors: list[RuleError] = []
    rules: dict[str, LoadedRule] = {}
    cases: dict[str, list[Case]] = {}
    found = files_of(root, errors)
    named = [path for path in found if path.name.endswith(RULE_SUFFIX)]
    for path in named:
        loaded, proven, wrong = _rule(path, root, rules)
        errors += wrong
        if loaded is not None:
            rules[loaded.rule.id], cases[loaded.rule.id] = loaded, proven
    refused = {rule_of(path.name) for path in named} - rules.keys()
    warnings = list(unread(root, found))
    written = _profiles(found, root, errors)
    if local is not None:
        theirs = files_of(local, errors)
        warnings += unread(local.parent, theirs, (PROFILE_SUFFIX,))
        written += _profiles(theirs, local.parent, errors)
    return with_profiles(Pack(rules, cases, [], errors, {}, warnings), written, refused)


def pack_of(book: Rulebook, local: Path) -> Pack:
    """A compiled rulebook's rules and profiles with the profiles under `local`. Raises RuleError: no such folder."""
    errors: list[RuleError] = []
    whole = Source(f"rulebook {book.version}", {}, {})
    rules = {i: LoadedRule(r, parameter_uses(r), whole) for i, r in book.rules.items()}
    profiles = list(book.profiles.values())
    found = files_of(local, errors)
    warnings = list(unread(local.parent, found, (PROFILE_SUFFIX,)))
    written = _profiles(found, local.parent, errors)
    pack = Pack(rules, {}, profiles, errors, {p.id: whole for p in profiles}, warnings)
    return with_profiles(pack, written, ())


def with_profiles(pack: Pack, written: list[Source], refused: Collection[str]) -> Pack:
    """The pack with the profiles of these files, the complete ones first."""
    profiles, sources, errors = list(pack.profiles), dict(pack.sources), list(pack.errors)
    extends = {_named(s): str(s.value.get("extends")) for s in written if is_local(s)}
    broken: set[str] = set()
    warnings, seen = list(pack.warnings), {p.id for p in pack.profiles}
    for source in sorted(written, key=is_local):
        slips = Slips()
        twin = bool(_named(source)) and _named(source) in seen
        with slips:
            if twin:
                raise source.refuse(
                    ("id",), f"profile {_named(source)} is there twice", "give one another id"
                )
            _check_name(source, PROFILE_SUFFIX, "rename the file or the profile")
        with slips:
            if is_local(source):
                complete = {p.id: p for p in profiles if not p.extends}
                profile = load_local(source, Books(pack.rules, refused, complete, extends, broken))
                profile = directed(profile, complete[profile.extends], pack.rules)
                warnings += loosened(profile, pack.rules, source)
            else:
                profile = load_profile(source, pack.rules, refused)
            _check_beside(source, profile, profiles)
            if not twin:
                profiles.append(profile)
                sources[profile.id] = source
        seen.add(_named(source))
        broken |= {_named(source)} if slips.found else set()
        errors += slips.found
    return Pack(pack.rules, pack.cases, profiles, errors, sources, warnings)


def _check_beside(source: Source, profile: Profile, others: list[Profile]) -> None:
    """Raises RuleError for a profile that gets in the way of another one."""
    rival = next((p for p in others if p.replaces and p.level == profile.level), None)
    if profile.replaces and rival is not None:
        words = f"{rival.id} replaces the profile of level {profile.level} already"
        hint = "only one profile can be that of a level; drop `replaces` from one of the two"
        raise source.refuse(("replaces",), words, hint)


def _profiles(found: list[Path], root: Path, errors: list[RuleError]) -> list[Source]:
    written = []
    for path in found:
        slips = Slips()
        with slips:
            if path.name.endswith(PROFILE_SUFFIX):
                written.append(read_source(path, relative_to=root, slips=slips))
        errors += slips.found
    return written


def _rule(
    path: Path, root: Path, rules: Mapping[str, LoadedRule]
) -> tuple[LoadedRule | None, list[Case], list[RuleError]]:
    """The rule, unless its own file has errors, its cases, and everything that is wrong with either."""
    slips, about_cases = Slips(), Slips()
    source, loaded, cases = None, None, list[Case]()
    with slips:
        source = read_source(path, relative_to=root, slips=slips)
        loaded = load_rule(source)
    if source is None:
        return None, [], slips.found
    with slips:
        if RULE_ID.fullmatch(_named(source)) and _named(source).split(".")[0] == path.name.split(".")[0]:
            hint = "rename the file or the rule; an id is never used again for another demand"
            _check_name(source, RULE_SUFFIX, hint)
        if loaded is not None and loaded.rule.id in rules:
            hint = f"the other is {rules[loaded.rule.id].source.file}; keep one of the two"
            raise source.refuse(("id",), f"{loaded.rule.id} is there twice", hint)
    beside = path.with_name(rule_of(path.name) + CASES_SUFFIX)
    with about_cases:
        if not beside.is_file():
            hint = f"write {beside.name} with a pass and a fail case"
            raise source.refuse(("id",), "no cases beside the rule", hint)
        written = read_source(beside, relative_to=root, slips=about_cases)
        cases = load_cases(written, loaded, about_cases)
        for case in cases:
            words, at = ("", ()) if loaded is None else fault(loaded, case)
            if words:
                about_cases.add(written.refuse(at, words, "mend the rule or the case"))
    return None if slips.found else loaded, cases, slips.found + about_cases.found


def _named(source: Source) -> str:
    """What the file calls itself; empty if nothing that is a name."""
    name = source.value.get("id") if isinstance(source.value, dict) else None
    return name if isinstance(name, str) else ""


def _check_name(source: Source, suffix: str, hint: str) -> None:
    """Raises RuleError for a file that is named otherwise than what is in it."""
    name = _named(source)
    if name and Path(source.file).name != name + suffix:
        raise source.refuse(("id",), f"the file of {name} is named {name}{suffix}", hint)


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
