"""A folder of packs and profiles, loaded and proven: every rule with its cases, every profile against the rules."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec

from vonggac_contract.rule import SCHEMA, Profile, RulebookFile

from .cases import Case, broken, load_cases
from .errors import Place, RuleError
from .load import LoadedRule, load_rule
from .profiles import load_profile
from .source import Source, read_source

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


def load_pack(root: Path) -> Pack:
    """Load every rule, case and profile under `root`; nothing is raised, so that an author sees all errors at once."""
    errors: list[RuleError] = []
    rules: dict[str, LoadedRule] = {}
    cases: dict[str, list[Case]] = {}
    if not root.is_dir():
        raise RuleError(
            Place(str(root)), "no such folder", hint="name the folder that holds packs and profiles"
        )
    for path in sorted(root.rglob(f"*{RULE_SUFFIX}")):
        try:
            loaded = load_rule(read_source(path, relative_to=root))
            place = loaded.source.place(("id",))
            if path.name != loaded.rule.id + RULE_SUFFIX:
                raise RuleError(place, f"the file of {loaded.rule.id} is named {loaded.rule.id}{RULE_SUFFIX}")
            if loaded.rule.id in rules:
                raise RuleError(place, f"{loaded.rule.id} is there twice")
            beside = path.with_name(loaded.rule.id + CASES_SUFFIX)
            if not beside.is_file():
                raise RuleError(
                    place, "no cases beside the rule", hint=f"write {beside.name} with a pass and a fail case"
                )
            found = load_cases(read_source(beside, relative_to=root), loaded)
            wrong = [w for w in (broken(loaded, c) for c in found) if w]
            errors.extend(
                RuleError(Place(str(beside.relative_to(root))), w, hint="mend the rule or the case")
                for w in wrong
            )
            rules[loaded.rule.id] = loaded
            cases[loaded.rule.id] = found
        except RuleError as e:
            errors.append(e)
    profiles: list[Profile] = []
    sources: dict[str, Source] = {}
    for path in sorted(root.rglob(f"*{PROFILE_SUFFIX}")):
        try:
            source = read_source(path, relative_to=root)
            profile = load_profile(source, rules)
            if any(p.id == profile.id for p in profiles):
                raise RuleError(Place(str(path.relative_to(root))), f"profile {profile.id} is there twice")
            profiles.append(profile)
            sources[profile.id] = source
        except RuleError as e:
            errors.append(e)
    return Pack(rules, cases, profiles, errors, sources)


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
