"""Whatever a file of rules, cases or profiles holds, the only thing that happens is an error with its place."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac_rules.cases import load_cases
from vonggac_rules.errors import Place, RuleError
from vonggac_rules.load import load_rule
from vonggac_rules.pack import Pack, with_profiles
from vonggac_rules.soundness import unsound
from vonggac_rules.source import Source, parse_source

from .test_slips import CASES, LOCAL, PROFILE, RULE

pytestmark = pytest.mark.hostile

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.dates()
    | st.datetimes()
    | st.sampled_from(
        [
            "",
            "x",
            "${tries}",
            "linux.ssh.example",
            "P1D",
            "-P9999Y",
            "any",
            "sshd.effective",
            "\x00",
            "[",
            "no",
        ]
    )
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "all",
                    "any",
                    "not",
                    "fact",
                    "field",
                    "each",
                    "count",
                    "where",
                    "is",
                    "equals",
                    "vi",
                    "en",
                    "value",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        found += places(part, (*path, name))
    return found


def parsed(text: str) -> Any:
    return parse_source(text.encode(), "x").value


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> Source:
    """The file with up to three of its values replaced, dropped or named otherwise."""
    value = copy.deepcopy(parsed(text))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(value) or [()]))
        if not path:
            break
        at = value
        for name in path[:-1]:
            at = at[name]
        kind = draw(st.sampled_from(["replace", "replace", "drop", "rename"]))
        if kind == "replace":
            at[path[-1]] = draw(values)
        elif kind == "drop":
            del at[path[-1]]
        elif isinstance(at, dict):
            at[draw(st.sampled_from(["id", "set", "drop", "add", "extends", "where", "x"]))] = at.pop(
                path[-1]
            )
    return Source("x", value, {(): Place("x")})


GOOD = load_rule(parse_source(RULE.encode(), "x"))


@pytest.mark.worlds
@settings(max_examples=600, deadline=None)
@given(spoilt(RULE))
def test_a_spoilt_rule_is_refused_or_checked(source: Source) -> None:
    with contextlib.suppress(RuleError):
        loaded = load_rule(source)
        unsound({loaded.rule.id: loaded}, [], {})


@pytest.mark.worlds
@settings(max_examples=600, deadline=None)
@given(spoilt(CASES))
def test_spoilt_cases_are_refused_or_run(source: Source) -> None:
    with contextlib.suppress(RuleError):
        cases = load_cases(source, GOOD)
        unsound({GOOD.rule.id: GOOD}, [], {}, {GOOD.rule.id: cases})


@pytest.mark.worlds
@settings(max_examples=400, deadline=None)
@given(spoilt(PROFILE), spoilt(LOCAL))
def test_spoilt_profiles_are_refused_or_compiled(first: Source, second: Source) -> None:
    rules = {GOOD.rule.id: GOOD}
    good = parse_source(PROFILE.encode(), "good")
    for written in ([first, second], [good, second], [second, first, second]):
        pack = with_profiles(Pack(rules, {}, [], []), written, ())
        unsound(rules, pack.profiles, pack.sources)
