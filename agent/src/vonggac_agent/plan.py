"""What to look for: the facts that the profile's rules name and those that a report's sections hold, each once.

Looking is done by `facts.gather`; which facts a rule names is known to `vonggac_rules.plan`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from vonggac_contract.facts import TOPICS, FactKey
from vonggac_contract.facts.base import Platform
from vonggac_contract.report import SECTION_TOPICS
from vonggac_rules.plan import needed_facts
from vonggac_rules.rulebook import Rulebook

PLATFORM: Final[Platform] = "windows" if sys.platform == "win32" else "linux"


def plan(rulebook: Rulebook, profile: str, platform: Platform = PLATFORM) -> list[FactKey]:
    """Every key to look for, sorted. Raises UnknownProfile."""
    return sorted(needed_facts(rulebook, profile, platform) | section_facts(platform))


def section_facts(platform: Platform = PLATFORM) -> set[FactKey]:
    """The facts that the sections of a report hold, as far as there are such on this platform."""
    return {FactKey(topic) for topic in SECTION_TOPICS.values() if platform in TOPICS[topic].platforms}


def split_disabled(keys: Iterable[FactKey], disabled: Iterable[str]) -> tuple[list[FactKey], list[FactKey]]:
    """The keys to look for, and those whose topic the machine's owner has disabled."""
    unwanted = frozenset(disabled)
    wanted: list[FactKey] = []
    refused: list[FactKey] = []
    for key in keys:
        (refused if key.topic in unwanted else wanted).append(key)
    return wanted, refused
