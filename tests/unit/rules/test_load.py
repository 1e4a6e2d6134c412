"""Rules that can't be written wrong unnoticed: each mistake has its place, its words and what would fit."""

from __future__ import annotations

import re
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_rules.errors import RuleError
from vonggac_rules.load import load_rule
from vonggac_rules.source import parse_source

GOOD = """\
id: linux.ssh.root-login
title: {vi: "Tiêu đề", en: Title}
why: {vi: "Vì sao", en: Why}
fix: {vi: "Cách sửa", en: Fix}
severity: high
domain: access
applies:
  platform: linux
  when: {fact: package.installed, name: openssh-server, is: true}
check:
  all:
    - {fact: sshd.effective, field: permitrootlogin, one_of: ["no", prohibit-password]}
    - {fact: sshd.effective, field: maxauthtries, at_most: "${tries}"}
parameters:
  tries: {default: 4, about: {vi: "Số lần thử", en: Tries}}
maps: {tcvn14423: [access.password-policy]}
"""


def load(text: str) -> None:
    load_rule(parse_source(text.encode(), "a.rule.yaml"))


def test_the_example_loads() -> None:
    load(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    [
        (
            "field: permitrootlogin",
            "field: permitrotlogin",
            "12:30",
            "no field 'permitrotlogin'",
            "permitrootlogin",
        ),
        (
            "fact: sshd.effective, field: p",
            "fact: ssh.effective, field: p",
            "12:8",
            "no fact is called",
            "sshd.effective",
        ),
        ('["no", prohibit', "[no, prohibit", "12:54", "False is no text", "quotes"),
        ("prohibit-password", "prohibit-passwords", "12:54", "can never be", "prohibit-password"),
        ('at_most: "${tries}"', "at_most: many", "13:51", "plain number", "the field is int"),
        ('at_most: "${tries}"', 'at_most: "${trys}"', "13:51", "no parameter 'trys'", "tries"),
        ('at_most: "${tries}"', "older_than: P1D", "13:51", "can't be asked of int", "at_most"),
        ('at_most: "${tries}"', "at_most: 4", "15:3", "used nowhere", "drop it"),
        ("severity: high", "severity: hgih", "5:1", "none of critical", "high"),
        ("severity: high", "severity: high\nseverity: low", "6:1", "there twice", "keep one"),
        ("domain: access", "domian: access", "6:1", "no key 'domian'", "domain"),
        ("domain: access\n", "", "1:1", "'domain' is missing", "a rule has"),
        ("id: linux.ssh.root-login", "id: SSH", "1:1", "is no rule id", "lower case"),
        ("id: linux.ssh", "id: windows.ssh", "1:1", "another platform", ""),
        (", en: Title", "", "2:1", "text in 'en' is missing", "both"),
        ("is: true}", 'is: "yes"}', "9:57", "neither true nor false", "without quotes"),
        (", name: openssh-server", "", "9:3", "needs 'name'", "name"),
        ("default: 4", "default: four", "15:11", "plain number", "int"),
        ("title: {", "title: &a {", "2:8", "tags and anchors", "plain"),
        ("domain: access", "domain: !!python/object:os.system access", "6:9", "tags and anchors", "plain"),
        ("  all:", "   any: x\n  all:", "", "not YAML", "indentation"),
        ("[access.password-policy]", "access.password-policy", "16:8", "list of texts", "quotes"),
        ("{tcvn14423:", "{tcvn11930:", "16:8", "none of tcvn14423", "tcvn14423"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_fit(
    old: str, new: str, place: str, message: str, hint: str
) -> None:
    assert old in GOOD
    with pytest.raises(RuleError, match=re.escape(message)) as caught:
        load(GOOD.replace(old, new, 1))

    assert f"a.rule.yaml:{place}" in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.hostile
@pytest.mark.policy
@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "- " * 30 + "1",
        "[" * 5000,
        "{" * 5000,
        "a: !!python/object/apply:os.system [id]",
        "\x00",
        "a: \x07",
        "? [a, b]\n: 1",
        "a: 1\n---\nb: 2",
        "",
        "a: 2026-13-45",
        "x: " + "9" * 5000,
    ],
)
def test_yaml_made_to_hurt_is_refused(text: str) -> None:
    with pytest.raises(RuleError, match=r"a\.rule\.yaml"):
        load(text)


@pytest.mark.hostile
@given(st.text(max_size=200))
def test_any_text_is_refused_by_name_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(RuleError, match=r"a\.rule\.yaml"):
        load(text)


def test_a_fraction_goes_only_where_partial_has_a_meaning() -> None:
    inside = textwrap.dedent(
        """\
        check:
          not: {fact: account.users, field: accounts, each: {field: system, is: true}, score: fraction}
        """
    )
    start, end = GOOD.index("check:"), GOOD.index("maps:")
    with pytest.raises(RuleError, match="a fraction goes with `each`"):
        load(GOOD[:start] + inside + GOOD[end:])


def test_a_span_longer_than_two_hundred_years_is_refused() -> None:
    start, end = GOOD.index("check:"), GOOD.index("parameters:")
    asked = "check: {fact: os.support, newer_than: P201Y}\n"
    with pytest.raises(RuleError, match="longer than 200 years"):
        load(GOOD[:start] + asked + GOOD[end:])


def test_a_word_of_a_selector_that_takes_only_some_is_checked() -> None:
    text = """
id: linux.x.y
title: {vi: "Đúng", en: "Right"}
why: {vi: "Vì.", en: "Why."}
fix: {vi: "Sửa.", en: "Mend."}
severity: low
domain: access
applies: {platform: linux}
check: {fact: config.setting, path: /etc/x, format: inni, key: a/b, equals: "1"}
maps: {tcvn14423: [config.baseline-document]}
"""
    with pytest.raises(RuleError, match=r"'inni' is none of ini, systemd") as refused:
        load_rule(parse_source(text.encode(), "x.rule.yaml"))
    assert "did you mean ini" in refused.value.hint
    load_rule(parse_source(text.replace("inni", "ini").encode(), "x.rule.yaml"))


RULE_OF_A_SETTING = """
id: linux.x.y
title: {vi: a, en: b}
why: {vi: a, en: b}
fix: {vi: a, en: b}
severity: low
domain: configuration
applies: {platform: linux}
check: %s
maps: {tcvn14423: [config.baseline-document]}
"""


@pytest.mark.parametrize(
    ("form", "key", "message", "hint"),
    [
        ("ini", "name", "'name' names no section of ini", "write section/name, or /name"),
        ("ini", "section/", "'section/' names no section of ini", "write section/name"),
        ("systemd", "Storage", "'Storage' names no section of systemd", "write section/name"),
        ("systemd", "/Storage", "'/Storage' names no section of systemd", "write section/name"),
        ("json", "listen.tls", "'listen.tls' is no JSON pointer", "write /name/name"),
        ("yaml", "", "'' is no JSON pointer", "write /name/name"),
        ("toml", "/a~2b", "'/a~2b' is no JSON pointer", "with ~0 for ~ and ~1 for /"),
        ("xml", "Server/@port", "'Server/@port' is no JSON pointer", "write /name/name"),
        ("key-value", "a b", "'a b' is no name that key-value can have", "write the name alone"),
        ("assignments", "KEY=", "'KEY=' is no name that assignments can have", "write the name alone"),
        ("directives", "", "'' is no name that directives can have", "write the name alone"),
        ("ini", "section/name", "", ""),
        ("ini", "/name", "", ""),
        ("systemd", "Journal/Storage", "", ""),
        ("json", "/a/0/*/~1b", "", ""),
        ("xml", "/Server/@port", "", ""),
        ("key-value", "umask", "", ""),
        ("directives-first", "PermitRootLogin", "", ""),
    ],
)
def test_a_key_of_a_setting_names_something_in_a_file_of_that_format(
    form: str, key: str, message: str, hint: str
) -> None:
    asked = f'{{fact: config.setting, path: /etc/x, format: {form}, key: "{key}", equals: "1"}}'
    text = RULE_OF_A_SETTING % asked
    if not message:
        load_rule(parse_source(text.encode(), "x.rule.yaml"))
        return
    with pytest.raises(RuleError) as refused:
        load_rule(parse_source(text.encode(), "x.rule.yaml"))
    assert refused.value.message == message
    assert refused.value.hint.startswith(hint) or hint in refused.value.hint
