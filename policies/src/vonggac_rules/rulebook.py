"""The rulebook as agent and collector use it: loaded from its compiled JSON, never from YAML."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from vonggac_contract import limits
from vonggac_contract.decode import bounded_members
from vonggac_contract.errors import ContractError, Malformed, UnknownSchema
from vonggac_contract.rule import SCHEMA, Profile, Rule, RulebookFile, Text
from vonggac_contract.terminal import acting

MAX_RULEBOOK_BYTES: Final = 8 * limits.MIB
_OTHER_SCHEMA: Final = f"this release reads rulebooks of schema {SCHEMA}"


class UnknownProfile(ContractError):
    """A profile that the rulebook does not have."""

    code = "unknown-profile"
    hint = "Name one of the rulebook's profiles."


class Rulebook:
    """Rules and profiles with the digest (SHA-256 of the file's bytes) that names them."""

    def __init__(self, file: RulebookFile, digest: str) -> None:
        self.version = file.version
        self.digest = digest
        self.rules: dict[str, Rule] = {r.id: r for r in file.rules}
        self.profiles: dict[str, Profile] = {p.id: p for p in file.profiles}
        self.clauses = file.clauses

    def profile(self, profile_id: str) -> Profile:
        """Raises UnknownProfile, naming those there are."""
        if profile_id not in self.profiles:
            raise UnknownProfile(f"no profile {profile_id!r}; there is: {', '.join(self.profiles)}")
        return self.profiles[profile_id]

    def profile_rules(
        self, profile_id: str, platform: str | None = None
    ) -> list[tuple[Rule, dict[str, Any]]]:
        """The profile's rules (for `platform`, if named) with every parameter's value. Raises UnknownProfile."""
        found = []
        for rule_id, values in self.profile(profile_id).rules.items():
            rule = self.rules[rule_id]
            if platform is None or rule.platform == platform:
                found.append((rule, {n: values.get(n, d.default) for n, d in rule.parameters.items()}))
        return found

    def profile_for_level(self, level: int) -> Profile:
        """The one that replaces the profile of that level (1 to 5), else its first complete one.

        Raises UnknownProfile.
        """
        of_level = [p for p in self.profiles.values() if p.level == level]
        for profile in sorted(of_level, key=lambda p: not p.replaces):
            if profile.replaces or not profile.extends:
                return profile
        raise UnknownProfile(f"no profile for level {level}")


def load_rulebook(raw: bytes) -> Rulebook:
    """Read a compiled rulebook. Raises TooLarge, Malformed, UnknownSchema."""
    members = bounded_members(raw, maximum=MAX_RULEBOOK_BYTES)
    if members.get("schema") != msgspec.Raw(b"%d" % SCHEMA):
        raise UnknownSchema(_OTHER_SCHEMA)
    return load_again(raw)


def load_again(raw: bytes) -> Rulebook:
    """Read bytes that `load_rulebook` has taken before: a release's own, or those that a checked digest names.

    A third of the time, because the bounds are not checked again. Raises Malformed, UnknownSchema.
    """
    try:
        file = msgspec.json.decode(raw, type=RulebookFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Malformed(f"rulebook: {e}") from e
    if file.schema != SCHEMA:
        raise UnknownSchema(_OTHER_SCHEMA)
    _check_profiles(file)
    _check_texts(file)
    return Rulebook(file, hashlib.sha256(raw).hexdigest())


def _check_texts(file: RulebookFile) -> None:
    """No text acts on the terminal of who reads it. Raises Malformed."""
    for name, texts in _texts(file):
        said = [name, *(words for text in texts for words in (text.vi, text.en))]
        if any(acting(words) is not None for words in said):
            raise Malformed(f"rulebook: {name!r} has a character that acts on a terminal")


def _texts(file: RulebookFile) -> Iterator[tuple[str, list[Text]]]:
    for rule in file.rules:
        about = [definition.about for definition in rule.parameters.values()]
        yield rule.id, [rule.title, rule.why, *rule.fix.values(), *about]
    for profile in file.profiles:
        why = [change.reason for change in profile.changes if change.reason is not None]
        yield profile.id, [profile.title, profile.source, *why]


def _check_profiles(file: RulebookFile) -> None:
    """A profile names rules, parameters and a profile that are there. Raises Malformed."""
    rules = {r.id: r for r in file.rules}
    complete = {p.id for p in file.profiles if not p.extends}
    for profile in file.profiles:
        missing = {*profile.rules, *(c.rule for c in profile.changes)} - rules.keys()
        if missing:
            raise Malformed(
                f"profile {profile.id} names rules that are not in the book: {sorted(missing)[:3]}"
            )
        if profile.extends and profile.extends not in complete:
            raise Malformed(
                f"profile {profile.id} extends {profile.extends}, which is no complete profile here"
            )
        for change in profile.changes:
            if change.kind == "set" and change.parameter not in rules[change.rule].parameters:
                raise Malformed(f"profile {profile.id}: {change.rule} has no parameter {change.parameter!r}")
