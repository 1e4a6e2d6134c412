"""Rules, profiles and the rulebook as values: what the authoring side compiles and agent and collector load.

The text of a rule is written in YAML (docs/rules.md); here it is already checked, with selectors and fields resolved.
A rule never reads anything: it names facts, and is decided on a snapshot (`vonggac_rules.evaluate`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from .facts.base import FactKey, Platform
from .finding import Domain, Severity

SCHEMA: Final = 1

Operator = Literal[
    "is",
    "equals",
    "one_of",
    "at_least",
    "at_most",
    "between",
    "matches",
    "contains",
    "subset_of",
    "exists",
    "absent",
    "newer_than",
    "older_than",
]
Quantifier = Literal["each", "any", "none"]
Direction = Literal["", "looser", "tighter", "other"]


class Parameter(msgspec.Struct, frozen=True, tag="parameter"):
    """Stands for the value that a profile gives to `name`."""

    name: str


class Value(msgspec.Struct, frozen=True, tag="value"):
    """A literal: text, number, boolean, list of these."""

    value: Any


Operand = Value | Parameter


class Compare(msgspec.Struct, frozen=True, tag="compare", omit_defaults=True):
    """`fact` is None inside a quantifier: then `field` is a field of the element ("" for the element itself)."""

    fact: FactKey | None
    field: str
    operator: Operator
    operand: Operand


class Quantify(msgspec.Struct, frozen=True, tag="quantify", omit_defaults=True):
    """Asks `check` of each element of the list `field` for which `where` holds."""

    fact: FactKey | None
    field: str
    quantifier: Quantifier
    check: Condition
    where: Condition | None = None
    fraction: bool = False
    """Outcome partial(n/m) instead of fail when some but not all of `each` hold."""


class Count(msgspec.Struct, frozen=True, tag="count", omit_defaults=True):
    """Compares the number of elements of the list `field` for which `where` holds."""

    fact: FactKey | None
    field: str
    operator: Operator
    operand: Operand
    where: Condition | None = None


class All(msgspec.Struct, frozen=True, tag="all"):
    """Kleene's strong conjunction."""

    of: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """Kleene's strong disjunction."""

    of: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """Kleene's negation: unknown stays unknown."""

    of: Condition


Condition = Compare | Quantify | Count | All | AnyOf | Not


class Text(msgspec.Struct, frozen=True):
    """The same words in both languages."""

    vi: Annotated[str, msgspec.Meta(min_length=1)]
    en: Annotated[str, msgspec.Meta(min_length=1)]


class ParameterDefinition(msgspec.Struct, frozen=True):
    """`default` is used where a profile says nothing; `about` tells an administrator what it sets."""

    default: Any
    about: Text


class Rule(msgspec.Struct, frozen=True):
    """One demand on a machine. `fix`: by distribution family, "any" for all."""

    id: str
    title: Text
    why: Text
    fix: dict[str, Text]
    severity: Severity
    domain: Domain
    platform: Platform
    when: Condition | None
    check: Condition
    parameters: dict[str, ParameterDefinition]
    maps: dict[str, list[str]]


class ProfileChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in which a local profile differs from the one it extends.

    `set`: `parameter` of `rule` went from `before` to `after`. `added`: the rule is asked although the other does not
    ask it. `dropped`: it is not asked, for `reason`.
    """

    kind: Literal["set", "added", "dropped"]
    rule: str
    parameter: str = ""
    before: Any = None
    after: Any = None
    reason: Text | None = None
    direction: Direction = ""
    """Of a value that is set: whether the rule with it refuses less (looser), more, or other machines than before."""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which rules, with which parameters, a system of `level` is judged by.

    A local profile names the profile that it `extends`, and its `changes`; its `rules` are all the same complete.
    `replaces`: systems of its level are judged by it instead of by the one that it extends.
    """

    id: str
    level: Annotated[int, msgspec.Meta(ge=1, le=5)]
    title: Text
    source: Text
    """Where its demands come from, and the caveat that goes with it."""
    rules: dict[str, dict[str, Any]]
    extends: str = ""
    replaces: bool = False
    changes: list[ProfileChange] = []


class RulebookFile(msgspec.Struct, frozen=True):
    """The compiled form. `clauses`: control -> level -> clauses, for the controls that the rules map to."""

    schema: int
    version: str
    rules: list[Rule]
    profiles: list[Profile]
    clauses: dict[str, dict[str, str]] = {}
