"""Which facts a profile needs: each once, in a stable order."""

from __future__ import annotations

from vonggac_contract.facts import FactKey
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Count, Not, Quantify

from .rulebook import Rulebook


def needed_facts(rulebook: Rulebook, profile_id: str, platform: str) -> set[FactKey]:
    """The keys that the profile's rules for `platform` name. Raises UnknownProfile."""
    keys: set[FactKey] = set()
    for rule, _ in rulebook.profile_rules(profile_id, platform):
        keys |= facts_in(rule.check)
        if rule.when is not None:
            keys |= facts_in(rule.when)
    return keys


def facts_in(condition: Condition) -> set[FactKey]:
    """The keys that a condition names."""
    if isinstance(condition, Compare):
        return {condition.fact} if condition.fact else set()
    if isinstance(condition, (Quantify, Count)):
        # What stands inside speaks of the list's elements, never of another fact.
        return {condition.fact} if condition.fact else set()
    if isinstance(condition, Not):
        return facts_in(condition.of)
    if isinstance(condition, (All, AnyOf)):
        return set().union(*(facts_in(c) for c in condition.of))
    raise TypeError(f"{type(condition).__name__} is no condition")
