"""A rule in words: every operator as it is and turned round, units, lists, spans, and no rule that reads oddly."""

from __future__ import annotations

import re

import pytest

from vonggac_contract.rule import Rule
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.explain import Language
from vonggac_rules.load import load_rule
from vonggac_rules.paragraph import explain, parameter
from vonggac_rules.rulebook import load_rulebook
from vonggac_rules.source import parse_source

from .test_soundness import HEAD, PLAIN


def sshd(asked: str) -> str:
    return f"{{fact: sshd.effective, field: {asked}}}"


def joined(word: str, *parts: str) -> str:
    return f"{{{word}: [{', '.join(parts)}]}}"


def written(check: str, more: str = "") -> Rule:
    text = HEAD.format(name="x", severity="low") + PLAIN + f"check: {check}\n{more}"
    return load_rule(parse_source(text.encode(), "x.rule.yaml")).rule


SAID = [
    ("sshd.effective, field: usepam, is: true", "sshd.effective usepam", "là đúng", "is true"),
    ("not sshd.effective, field: usepam, is: true", "sshd.effective usepam", "là sai", "is false"),
    ("sshd.effective, field: banner, equals: none", "sshd.effective banner", "là `none`", "is `none`"),
    (
        'not sshd.effective, field: banner, equals: ""',
        "sshd.effective banner",
        "không để trống",
        "is not empty",
    ),
    (
        'sshd.effective, field: banner, one_of: [a, b, ""]',
        "sshd.effective banner",
        "là `a`, `b` hoặc để trống",
        "is `a`, `b` or empty",
    ),
    (
        "not sshd.effective, field: banner, one_of: [a, b]",
        "sshd.effective banner",
        "không phải là `a` hoặc `b`",
        "is neither `a` nor `b`",
    ),
    (
        "sshd.effective, field: logingracetime, at_most: PT2M",
        "sshd.effective logingracetime",
        "không quá 2 phút",
        "is at most 2 minutes",
    ),
    (
        "not sshd.effective, field: logingracetime, at_most: 90",
        "sshd.effective logingracetime",
        "trên 90 giây",
        "is above 90 seconds",
    ),
    (
        "account.policy, field: maximum_age, at_least: 1",
        "account.policy maximum_age",
        "ít nhất là 1 ngày",
        "is at least 1 day",
    ),
    ("not account.policy, field: history, at_least: 5", "account.policy history", "dưới 5", "is below 5"),
    (
        "account.policy, field: history, between: [1, 9]",
        "account.policy history",
        "trong khoảng từ 1 đến 9",
        "is between 1 and 9",
    ),
    ("account.policy, field: history, exists: true", "account.policy history", "có giá trị", "has a value"),
    (
        "not account.policy, field: history, absent: true",
        "account.policy history",
        "có giá trị",
        "has a value",
    ),
    ("sshd.effective, field: ports, absent: true", "sshd.effective ports", "rỗng", "is empty"),
    ("sshd.effective, field: ports, contains: 22", "sshd.effective ports", "chứa 22", "contains 22"),
    (
        "sshd.effective, field: ports, subset_of: [22, 2222]",
        "sshd.effective ports",
        "chỉ gồm 22 và 2222",
        "holds nothing but 22 and 2222",
    ),
    (
        'sshd.effective, field: banner, matches: "/etc/.*"',
        "sshd.effective banner",
        "khớp mẫu `/etc/.*`",
        "matches `/etc/.*`",
    ),
    ("file.stat, path: /etc/x, is: true", "/etc/x", "tồn tại", "exists"),
    (
        "file.stat, path: /etc/x, field: owner, equals: root",
        "owner",
        "của `/etc/x` là `root`",
        "of `/etc/x` is `root`",
    ),
    ("os.support, newer_than: P0D", "os.support support_end", "chưa qua", "is not past"),
    ("not os.support, newer_than: P0D", "os.support support_end", "đã qua", "is past"),
    (
        "os.support, newer_than: P1M",
        "os.support support_end",
        "trong vòng 1 tháng trở lại",
        "is within the last 1 month",
    ),
    (
        "os.support, newer_than: -P6M",
        "os.support support_end",
        "còn hơn 6 tháng",
        "is more than 6 months ahead",
    ),
    (
        "os.support, older_than: P30D",
        "os.support support_end",
        "cách đây hơn 30 ngày",
        "is more than 30 days ago",
    ),
    (
        "os.support, older_than: -P30D",
        "os.support support_end",
        "còn dưới 30 ngày",
        "is less than 30 days ahead",
    ),
    (
        "not os.support, older_than: P1DT12H",
        "os.support support_end",
        "cách đây không quá 1 ngày 12 giờ",
        "is at most 1 day 12 hours ago",
    ),
    (
        'os.support, newer_than: "2026-02-03"',
        "os.support support_end",
        "sau ngày 3/2/2026",
        "is after 2026-02-03",
    ),
]
"""A condition, what it is asked of, and what is said of that."""
WHOLE = [
    (
        "sshd.effective, field: ports, count: {at_most: 0}",
        "số mục của `sshd.effective ports` bằng 0",
        "the number of entries of `sshd.effective ports` is 0",
    ),
    (
        "sysctl, key: k.p, field: number, equals: 2",
        "tham số nhân `k.p` bằng 2",
        "kernel parameter `k.p` is 2",
    ),
    (
        "not sysctl, key: k.p, field: number, equals: 2",
        "tham số nhân `k.p` khác 2",
        "kernel parameter `k.p` is not 2",
    ),
    ("package.installed, name: nis, is: false", "gói `nis` không được cài", "package `nis` is not installed"),
    ("not package.installed, name: nis, is: false", "gói `nis` được cài", "package `nis` is installed"),
    (
        "sshd.effective, field: ports, each: {at_least: 1024}",
        "mọi mục của `sshd.effective ports` đều ít nhất là 1024",
        "every entry of `sshd.effective ports` is at least 1024",
    ),
    (
        "not sshd.effective, field: ports, each: {at_least: 1024}",
        "ít nhất một mục của `sshd.effective ports` dưới 1024",
        "at least one entry of `sshd.effective ports` is below 1024",
    ),
    (
        "sshd.effective, field: ports, where: {at_least: 9}, count: {at_most: 2}",
        "số mục của `sshd.effective ports` mà giá trị ít nhất là 9 không quá 2",
        "the number of entries of `sshd.effective ports` that is at least 9 is at most 2",
    ),
    (
        "not socket.listening, field: sockets, any: {field: port, equals: 23}",
        "không mục nào của `socket.listening sockets` có `port` bằng 23",
        "for no entry of `socket.listening sockets`: `port` is 23",
    ),
]
ALL = [(c, f"`{f}` {vi}", f"`{f}` {en}") for c, f, vi, en in SAID] + WHOLE


@pytest.mark.parametrize(("check", "vi", "en"), ALL)
def test_a_condition_in_both_languages(check: str, vi: str, en: str) -> None:
    asked = f"{{fact: {check.removeprefix('not ')}}}"
    found = written(f"{{not: {asked}}}" if check.startswith("not ") else asked)
    assert explain(found, "vi") == f"Đạt khi {vi}."
    assert explain(found, "en") == f"Passes when {en}."


HISTORY = "{fact: account.policy, field: history, "


def test_what_is_asked_of_one_field_is_said_of_it_once() -> None:
    both = joined("all", sshd("maxsessions, at_least: 2"), sshd("maxsessions, at_most: 5"))
    assert explain(written(both), "vi") == "Đạt khi `sshd.effective maxsessions` trong khoảng từ 2 đến 5."
    either = joined("any", HISTORY + "absent: true}", HISTORY + "at_least: 5}")
    assert (
        explain(written(either), "en")
        == "Passes when `account.policy history` has no value or is at least 5."
    )


def test_that_a_value_is_there_goes_without_saying_where_something_is_asked_of_it() -> None:
    both = joined("all", HISTORY + "exists: true}", HISTORY + "at_least: 5}")
    assert explain(written(both), "en") == "Passes when `account.policy history` is at least 5."


def test_or_inside_of_and_stands_in_brackets_and_not_is_said_by_the_other_word() -> None:
    a, b, c = (sshd(f"{name}, is: true") for name in ("usepam", "x11forwarding", "strictmodes"))
    assert explain(written(joined("all", a, joined("any", b, c))), "en") == (
        "Passes when `sshd.effective usepam` is true and "
        "(`sshd.effective x11forwarding` is true or `sshd.effective strictmodes` is true)."
    )
    assert explain(written(f"{{not: {joined('any', a, b)}}}"), "vi") == (
        "Đạt khi `sshd.effective usepam` là sai và `sshd.effective x11forwarding` là sai."
    )


def test_a_fraction_and_a_condition_have_sentences_of_their_own() -> None:
    text = (
        HEAD.format(name="x", severity="low")
        + "applies: {platform: linux, when: {fact: package.installed, name: nginx, is: true}}\n"
        + "check: {fact: socket.listening, field: sockets, each: {field: port, at_most: 9}, score: fraction}\n"
    )
    found = load_rule(parse_source(text.encode(), "x.rule.yaml")).rule
    assert explain(found, "vi") == (
        "Chỉ áp dụng khi gói `nginx` được cài. "
        "Đạt khi mọi mục của `socket.listening sockets` đều có `port` không quá 9. "
        "Khi chỉ một số mục thỏa thì kết quả là đạt một phần."
    )


PARAMETERS = """\
parameters:
  idle: {default: PT15M, about: {vi: "v", en: "e"}}
"""


@pytest.mark.parametrize(
    ("value", "vi", "en"),
    [(900, "15 phút", "15 minutes"), (90, "90 giây", "90 seconds"), (3600, "1 giờ", "1 hour")],
)
def test_a_parameters_value_carries_its_unit(value: int, vi: str, en: str) -> None:
    found = written('{fact: account.policy, field: session_timeout, at_most: "${idle}"}', PARAMETERS)
    assert (parameter(found, "idle", value, "vi"), parameter(found, "idle", value, "en")) == (vi, en)
    assert vi in explain(found, "vi", {"idle": value})


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_shipped_rule_reads_oddly(language: Language) -> None:
    book = load_rulebook(default_rulebook_bytes())
    wrong = {}
    for rule in book.rules.values():
        said = explain(rule, language)
        bare = re.sub(r"`[^`]*`", "x", said)
        wrong[rule.id] = (
            "``" in said
            or "  " in said
            or bare.count("(") != bare.count(")")
            or "{" in bare
            or not said.endswith(".")
            or bool(re.search(r"\b(None|True|False|PT?\d+[DWMYHS])\b", bare))
            or (language == "vi" and bool(re.search(r"\b(is|the|of|and|or)\b", bare)))
        )
    assert [rule for rule, is_wrong in wrong.items() if is_wrong] == []


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_profiles_value_of_every_parameter_has_words(language: Language) -> None:
    book = load_rulebook(default_rulebook_bytes())
    for profile in book.profiles.values():
        for rule, values in book.profile_rules(profile.id):
            assert all(parameter(rule, name, value, language) for name, value in values.items())
