"""Reads docs/scoring.md: its example country, its tables, and the arithmetic written out in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from vonggac_collector.score.host import complete, host_score
from vonggac_collector.score.values import (
    AgencyInput,
    Cap,
    HeldCap,
    HostInput,
    PlacedHost,
    RuleOutcome,
    RuleWeight,
    SystemInput,
)
from vonggac_contract.finding import Domain, Outcome, Severity

from .countries import NOW, PARAMETERS

TEXT = (Path(__file__).parents[3] / "docs" / "scoring.md").read_text(encoding="utf-8")


class ExampleRule(msgspec.Struct, forbid_unknown_fields=True):
    """One rule of the example's profile."""

    rule: str
    domain: Domain
    severity: Severity


class ExampleHost(msgspec.Struct, forbid_unknown_fields=True):
    """One host of the example. `says`: outcome by rule, for those that don't pass; `age_hours` None: never heard."""

    host: str
    system: str | None
    criticality: int
    age_hours: int | None
    says: dict[str, str] = {}
    caps: dict[Cap, list[str]] = {}


class ExampleAgency(msgspec.Struct, forbid_unknown_fields=True):
    """`systems`: level by id."""

    agency: str
    systems: dict[str, int]
    hosts: list[ExampleHost]


class Example(msgspec.Struct, forbid_unknown_fields=True):
    """The example country."""

    rules: list[ExampleRule]
    agencies: list[ExampleAgency]

    def inputs(self) -> dict[str, HostInput]:
        full = [RuleWeight(rule.rule, rule.domain, rule.severity) for rule in self.rules]
        return {
            host.host: HostInput(
                host.host,
                complete(full, [_outcome(rule, host.says.get(rule.rule, "pass")) for rule in full]),
                tuple(HeldCap(cap, frozenset(rules)) for cap, rules in host.caps.items()),
            )
            for agency in self.agencies
            for host in agency.hosts
        }

    def placed(self) -> dict[str, AgencyInput]:
        inputs = self.inputs()

        def hosts(agency: ExampleAgency, system: str | None) -> tuple[PlacedHost, ...]:
            return tuple(
                PlacedHost(host.host, None, None, True, host.criticality)
                if host.age_hours is None
                else PlacedHost(
                    host.host,
                    host_score(inputs[host.host], PARAMETERS),
                    NOW - host.age_hours * 3600,
                    True,
                    host.criticality,
                )
                for host in agency.hosts
                if host.system == system
            )

        return {
            agency.agency: AgencyInput(
                agency.agency,
                tuple(
                    SystemInput(name, level, hosts(agency, name)) for name, level in agency.systems.items()
                ),
                hosts(agency, None),
            )
            for agency in self.agencies
        }


def _outcome(rule: RuleWeight, word: str) -> RuleOutcome:
    fraction = re.fullmatch(r"partial (\d+)/(\d+)", word)
    if fraction:
        passed, of = map(int, fraction.groups())
        return RuleOutcome(rule.rule, rule.domain, rule.severity, Outcome.PARTIAL, passed, of)
    return RuleOutcome(rule.rule, rule.domain, rule.severity, Outcome(word))


def example() -> Example:
    """The country in the document's one JSON block."""
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    return msgspec.json.decode(block, type=Example)


def tables(head: str) -> Iterator[list[str]]:
    """Rows of the tables whose first head is `head`, each as its cells' text."""
    inside = False
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == head:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            yield cells


def arithmetic(text: str) -> Fraction:
    """The exact value of an expression of numbers, + - × /, brackets, min(…)."""
    return _value(ast.parse(text.replace("×", "*").replace("−", "-"), mode="eval").body)


def _value(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(str(node.value))
        case ast.BinOp(left=left, op=op, right=right):
            one, two = _value(left), _value(right)
            match op:
                case ast.Add():
                    return one + two
                case ast.Sub():
                    return one - two
                case ast.Mult():
                    return one * two
                case ast.Div():
                    return one / two
        case ast.Call(func=ast.Name(id="min"), args=args):
            return min(map(_value, args))
    raise ValueError(f"not arithmetic: {ast.dump(node)}")


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf of nested dicts and lists, as (dotted name, text)."""
    if isinstance(value, dict):
        if set(value) == {"grade", "above"}:
            yield f"{name}.{value['grade']}", str(value["above"])
            return
        for key, inner in value.items():
            yield from flattened(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from flattened(inner, name)
    else:
        yield name, str(value)
