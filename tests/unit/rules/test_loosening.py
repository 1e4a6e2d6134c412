"""Which way a changed parameter goes, found by regions, beside what deciding machines one by one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac_contract.facts import FactKey
from vonggac_contract.finding import Outcome
from vonggac_contract.rule import Rule
from vonggac_rules.cli import main
from vonggac_rules.evaluate import View, decide_rule
from vonggac_rules.load import load_rule
from vonggac_rules.loosening import direction
from vonggac_rules.rulebook import load_rulebook
from vonggac_rules.source import parse_source
from vonggac_rules.worlds import NOW

from .test_slips import FILES, LOCAL, PROFILE, RULE

Said = pytest.CaptureFixture[str]
HEAD = RULE[: RULE.index("applies:")]
TAIL = """\
parameters:
  p: {default: %s, about: {vi: "Ngưỡng", en: Threshold}}
maps: {tcvn14423: [access.password-policy]}
"""


def rule(check: str, default: Any, when: str = "") -> Rule:
    applies = f"applies: {{platform: linux{', when: ' + when if when else ''}}}\n"
    text = f"{HEAD}{applies}check: {check}\n{TAIL % default}"
    return load_rule(parse_source(text.encode(), "x.rule.yaml")).rule


TRIES = "fact: sshd.effective, field: maxauthtries"
SESSIONS = "fact: sshd.effective, field: maxsessions"
SOCKETS = "fact: socket.listening, field: sockets"
PORTS = f"{SOCKETS}, where: {{field: port, one_of: '${{p}}'}}"
EXPIRES = "fact: tls.listener, field: endpoints, each: {field: certificate.not_after, newer_than: '${p}'}"


@pytest.mark.parametrize(
    ("check", "before", "after", "expected"),
    [
        (f"{{{TRIES}, at_most: '${{p}}'}}", 4, 1_000_000, "looser"),
        (f"{{{TRIES}, at_most: '${{p}}'}}", 4, 3, "tighter"),
        (f"{{{TRIES}, at_least: '${{p}}'}}", 4, 0, "looser"),
        (f"{{not: {{{TRIES}, at_least: '${{p}}'}}}}", 4, 0, "tighter"),
        (f"{{{TRIES}, one_of: '${{p}}'}}", [1, 2], [1, 2, 9], "looser"),
        (f"{{{TRIES}, between: '${{p}}'}}", [2, 5], [3, 9], "other"),
        (f"{{{TRIES}, between: '${{p}}'}}", [2, 5], [3, 4], "tighter"),
        (f"{{{SOCKETS}, none: {{field: port, one_of: '${{p}}'}}}}", [23, 512], [23], "looser"),
        (f"{{{PORTS}, each: {{field: scope, equals: loopback}}}}", [23, 512], [23], "looser"),
        (f"{{{PORTS}, any: {{field: scope, equals: any}}}}", [23, 512], [23], "tighter"),
        (f"{{{SOCKETS}, count: {{at_most: '${{p}}'}}}}", 3, 4, "looser"),
        (f"{{{SOCKETS}, count: {{at_most: '${{p}}'}}}}", 3, 1_000_000, "looser"),
        (f"{{{EXPIRES}}}", "-P30D", "-P5D", "looser"),
        ("{fact: sshd.effective, field: banner, matches: '${p}'}", "a.*", "b.*", "other"),
        (f"{{all: [{{{TRIES}, at_most: '${{p}}'}}, {{{SESSIONS}, at_least: '${{p}}'}}]}}", 4, 5, "other"),
        (f"{{all: [{{{TRIES}, at_most: '${{p}}'}}, {{{TRIES}, at_most: 3}}]}}", 4, 5, ""),
    ],
)  # fmt: skip
def test_the_direction_of_a_value_follows_from_how_it_is_compared(
    check: str, before: Any, after: Any, expected: str
) -> None:
    written = msgspec.json.encode(before).decode()
    assert direction(rule(check, written), {"p": before}, {"p": after}) == expected


def test_a_rule_that_applies_to_fewer_machines_is_looser() -> None:
    found = rule("{fact: sshd.effective, field: banner, equals: x}", 4, f"{{{TRIES}, at_most: '${{p}}'}}")
    assert direction(found, {"p": 4}, {"p": 3}) == "looser"
    assert direction(found, {"p": 4}, {"p": 5}) == "tighter"


BAD = (Outcome.FAIL, Outcome.PARTIAL)
OPERATORS = ["at_most", "at_least", "equals"]


@st.composite
def checks(draw: st.DrawFn, depth: int = 2) -> str:
    """A condition on two numbers and a list of numbers in which the parameter may stand anywhere."""
    if depth and draw(st.booleans()):
        kind = draw(st.sampled_from(["all", "any", "not"]))
        if kind == "not":
            return f"{{not: {draw(checks(depth=depth - 1))}}}"
        return f"{{{kind}: [{draw(checks(depth=depth - 1))}, {draw(checks(depth=depth - 1))}]}}"
    operator = draw(st.sampled_from(OPERATORS))
    operand = draw(st.sampled_from(["'${p}'", "'${p}'", "3"]))
    asked = draw(st.sampled_from(["maxauthtries", "maxsessions", "ports", "ports"]))
    if asked != "ports":
        return f"{{fact: sshd.effective, field: {asked}, {operator}: {operand}}}"
    quantifier = draw(st.sampled_from(["each", "any", "none", "count"]))
    if quantifier == "count":
        return f"{{fact: sshd.effective, field: ports, where: {{at_least: 2}}, count: {{{operator}: {operand}}}}}"
    where = draw(st.sampled_from(["", "where: {at_most: '${p}'}, ", "where: {at_least: 3}, "]))
    return f"{{fact: sshd.effective, field: ports, {where}{quantifier}: {{{operator}: {operand}}}}}"


numbers = st.integers(0, 6)
machines = st.lists(st.tuples(numbers, numbers, st.lists(numbers, max_size=3)), min_size=8, max_size=24)


@pytest.mark.worlds
@settings(max_examples=120, deadline=None)
@given(checks(), numbers, numbers, machines)
def test_the_direction_agrees_with_deciding_machines(
    check: str, before: int, after: int, seen: list[tuple[int, int, list[int]]]
) -> None:
    if "${p}" not in check:
        check = f"{{all: [{check}, {{{TRIES}, at_most: '${{p}}'}}]}}"
    found = rule(check, before)
    way = direction(found, {"p": before}, {"p": after})
    for tries, sessions, ports in seen:
        value = {"maxauthtries": tries, "maxsessions": sessions, "ports": ports}
        view = View.made_of(NOW, "linux", {FactKey("sshd.effective"): value})
        first, second = (decide_rule(found, {"p": p}, view).outcome in BAD for p in (before, after))
        if first != second:
            assert way in ("other", "looser" if first else "tighter")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    policies = tmp_path / "policies"
    policies.mkdir()
    (tmp_path / "local").mkdir()
    for name, text in FILES.items():
        folder = tmp_path / "local" if text is LOCAL else policies
        (folder / name).write_text(text, encoding="utf-8")
    return policies


def test_a_looser_value_is_a_warning_by_name_with_both_values_and_fails_only_if_strict(
    folder: Path, capsys: Said
) -> None:
    local = folder.parent / "local" / "health-level3.profile.yaml"
    arguments = ["check", str(folder), "--profiles", str(local.parent)]
    assert main([*arguments, "--strict"]) == 0  # 3 tries instead of 4 ask more
    local.write_text(LOCAL.replace("tries: 3", "tries: 1000000"), encoding="utf-8")
    capsys.readouterr()
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.err == (
        "local/health-level3.profile.yaml:6:23: warning: tries of linux.ssh.example: 1000000 is looser than 4 of "
        "example-level3\n    write 4 or what asks more; pages show that it is so\n"
    )
    assert said.out == "1 rule, 3 cases, 2 profiles: all hold, 1 warning\n"
    assert main([*arguments, "--strict"]) == 1
    assert main([*arguments, "--json"]) == 0


def test_compile_warns_of_looser_values_and_writes_them_down_and_writes_nothing_if_strict(
    folder: Path, capsys: Said
) -> None:
    local = folder.parent / "local" / "health-level3.profile.yaml"
    out = folder.parent / "book.json"
    arguments = ["compile", str(folder), "--profiles", str(local.parent), "--out", str(out)]
    local.write_text(LOCAL.replace("tries: 3", "tries: 5"), encoding="utf-8")
    assert main([*arguments, "--strict"]) == 1
    assert not out.exists()
    assert main(arguments) == 0
    assert "tries of linux.ssh.example: 5 is looser than 4 of example-level3" in capsys.readouterr().err
    [change] = load_rulebook(out.read_bytes()).profile("health-level3").changes
    assert (change.before, change.after, change.direction) == (4, 5, "looser")


def test_values_that_are_looser_only_together_are_both_named(tmp_path: Path, capsys: Said) -> None:
    two = RULE.replace("parameters:\n", 'parameters:\n  most: {default: 4, about: {vi: "Số", en: Most}}\n').replace(
        'maxauthtries, at_most: "${tries}"}', 'maxauthtries, at_most: "${tries}"}\n'
        '    - {any: [{fact: sshd.effective, field: maxsessions, at_most: "${most}"}, '
        '{fact: sshd.effective, field: maxsessions, at_least: "${tries}"}]}'
    )  # fmt: skip
    loaded = load_rule(parse_source(two.encode(), "x")).rule
    own = {"tries": 4, "most": 4}
    assert direction(loaded, own, own | {"tries": 6}) == "other"
    base = PROFILE.replace("{tries: 4}", "{tries: 4, most: 4}")
    for name, text in (
        FILES | {"linux.ssh.example.rule.yaml": two, "example-level3.profile.yaml": base}
    ).items():
        (tmp_path / name).write_text(
            text.replace("{tries: 3}", "{tries: 6, most: 5}") if text is LOCAL else text, encoding="utf-8"
        )
    main(["check", str(tmp_path)])
    said = capsys.readouterr().err
    assert (
        "warning: tries of linux.ssh.example: 6 may let through what is refused with 4 of example-level3"
        in said
    )


def test_show_with_levels_says_which_way_a_local_value_goes(folder: Path, capsys: Said) -> None:
    local = folder.parent / "local" / "health-level3.profile.yaml"
    local.write_text(LOCAL.replace("tries: 3", "tries: 9"), encoding="utf-8")
    out = folder.parent / "book.json"
    main(["compile", str(folder), "--profiles", str(local.parent), "--out", str(out)])
    for language, word in (("en", "looser"), ("vi", "lỏng hơn")):
        capsys.readouterr()
        assert (
            main(["show", "linux.ssh.example", "--rulebook", str(out), "--levels", "--lang", language]) == 0
        )
        assert f"health-level3: tries: 9  (example-level3: 4; {word})\n" in capsys.readouterr().out
