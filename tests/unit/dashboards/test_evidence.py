"""Evidence as people read it: no code of ours, no JSON, nothing lost that decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_contract.facts import TOPICS
from vonggac_contract.finding import Evidence
from vonggac_dashboards.evidence import actual, expected, offender, place
from vonggac_dashboards.language import language
from vonggac_dashboards.places import PLACES

VI, EN = language("vi"), language("en")
CERTIFICATE = {"subject": "CN=a", "not_after": "2026-12-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("sysctl{key: net.ipv4.ip_forward} number", "net.ipv4.ip_forward"),
        ("file.stat{path: /etc/shadow} permissions", "/etc/shadow: quyền"),
        ("file.stat{path: /etc/shadow}", "/etc/shadow"),
        ("sshd.effective permitrootlogin", "permitrootlogin"),
        ("firewall.state", "tường lửa đang bật"),
        ("own.topic of-a-newer-agent", "own.topic of-a-newer-agent"),
    ],
)
def test_a_place_has_words_or_keeps_its_own_name(fact: str, said: str) -> None:
    assert place(VI, fact) == said


@pytest.mark.parametrize(
    ("piece", "asked", "found"),
    [
        (Evidence("x", True, False, "is"), "có", "không"),
        (Evidence("x", True, None, "exists"), "phải có", "chưa đặt"),
        (Evidence("x", True, "telnetd", "absent"), "không được có", "telnetd"),
        (Evidence("x", 4, 6, "at_most"), "tối đa 4", "6"),
        (Evidence("x", ["a", "b"], [], "one_of"), "là một trong: a, b", "không"),
        (Evidence("x", "drop", "accept", "equals"), "drop", "accept"),
        (Evidence("x", 0, 3, "count at_most", [], 3), "tối đa 0", "3"),
        (
            Evidence("x", "security is True", "74/120", "none"),
            "không mục nào có bản vá bảo mật",
            "74 trên 120 mục",
        ),
        (Evidence("x", "active is True", "0/0", "any"), "ít nhất một mục có đang chạy", "không có mục nào"),
        (
            Evidence("x", "P30D", "2026-11-23T13:05:00Z", "newer_than"),
            "trong vòng 30 ngày trở lại",
            "23/11/2026 20:05",
        ),
        (Evidence("x", "P0D", "2026-06-10T00:00:00Z", "newer_than"), "chưa qua", "10/06/2026"),
    ],
)
def test_what_was_asked_and_found_is_said_in_words(piece: Evidence, asked: str, found: str) -> None:
    assert (expected(VI, piece), actual(VI, piece)) == (asked, found)


def test_english_has_its_own_words() -> None:
    piece = Evidence("package.updates pending", "security is True", "1/2", "none")
    assert expected(EN, piece) == "no entry with: security update"
    assert actual(EN, piece) == "1 of 2 entries"


@pytest.mark.parametrize(
    ("entry", "asked", "said"),
    [
        ({"name": "apt", "installed": "2.6.1", "security": True}, "security is True", "apt — đang cài 2.6.1"),
        (
            {"protocol": "tcp", "address": "::", "port": 6379, "scope": "any", "process": "redis-server"},
            "port equals 6379",
            "[::]:6379/tcp — mọi địa chỉ, tiến trình redis-server",
        ),
        (
            {"name": "clamav", "active": True, "on_access": False},
            "(active is True) and (on_access is True)",
            "clamav — đang chạy, quét khi mở tệp: không",
        ),
        (
            {"address": "10.0.0.1", "port": 443, "certificate": CERTIFICATE},
            "certificate.not_after newer_than -P30D",
            "10.0.0.1:443 — chứng thư số: CN=a, 01/12/2026",
        ),
        ("umac-64@openssh.com", "matches umac", "umac-64@openssh.com"),
    ],
)  # fmt: skip
def test_an_offender_is_its_name_and_what_the_rule_read(entry: object, asked: str, said: str) -> None:
    assert offender(VI, entry, Evidence("x", asked, "1/2", "none", [entry], 1)) == said


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.hostile
@given(
    _json, _json, st.lists(_json, max_size=3), st.text(max_size=20), st.sampled_from(["each", "is", "x", ""])
)
def test_no_evidence_an_agent_can_send_breaks_the_page(
    asked: object, found: object, entries: list[object], fact: str, operator: str
) -> None:
    piece = Evidence(fact, asked, found, operator, entries, 7)
    for chosen in (VI, EN):
        texts = [place(chosen, fact), expected(chosen, piece), actual(chosen, piece)]
        texts += [offender(chosen, e, piece) for e in entries]
        assert all(isinstance(t, str) for t in texts)


def test_every_place_with_words_is_a_declared_fact_and_field() -> None:
    for place_named in PLACES:
        topic, _, field = place_named.partition(" ")
        known = TOPICS[topic].value.__struct_fields__
        assert not field or field in known, place_named
