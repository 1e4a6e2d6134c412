"""What people type: read, written back, understood, or refused with the place and what would fit."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vonggac_collector.index.asked import ask
from vonggac_collector.search.fields import FIELDS
from vonggac_collector.search.meaning import query_of
from vonggac_collector.search.query import KINDS, Having, Is, Kind, Range, Starts, Term, Word
from vonggac_collector.search.syntax import MAX_PARTS, MAX_TEXT, Part, Unfit, kinds_of, read, toggled, write

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)

PIECES = st.sampled_from(
    [
        *'"“”\\-:,*<>. \t\n',
        "..",
        "đường",
        "may-1",
        "outcome:",
        "PORT:",
        "score:",
        "since:",
        "fail",
        "3389",
        "30d",
        "-",
        "a",
    ]
)
"""Of what a text may be made, so that chance meets the syntax."""
TEXTS = st.text(max_size=60) | st.lists(PIECES, max_size=25).map("".join)


def parts_of(text: str) -> list[Part]:
    return [placed.part for placed in read(text)]


def asked(text: str, kind: Kind = "findings") -> list[Term]:
    return list(query_of(read(text), kind, NOW).terms)


def refusal(text: str, kind: Kind | None = None) -> Unfit | None:
    try:
        found = read(text)
        if kind is not None:
            ask(query_of(found, kind, NOW))
    except Unfit as e:
        return e
    return None


UNDERSTOOD: list[tuple[str, Kind, list[Term]]] = [
    ("", "findings", []),
    ("Máy chủ", "findings", [Word("Máy"), Word("chủ")]),
    ('"cụm từ"', "findings", [Word("cụm từ", whole=True)]),
    ("“cụm từ”", "findings", [Word("cụm từ", whole=True)]),
    ("-web -", "findings", [Word("web", negated=True), Word("-")]),
    ("outcome:fail,unknown", "findings", [Is("outcome", ("fail", "unknown"))]),
    ("Severity:HIGH", "findings", [Is("severity", ("high",))]),
    ("unit:01 port:3389", "ports", [Is("unit", ("01",)), Is("port", (3389,))]),
    ("-sample:true", "hosts", [Is("sample", (True,), negated=True)]),
    ("self-signed:có", "certificates", [Is("self-signed", (True,))]),
    ("rule:linux.ssh.*", "findings", [Starts("rule", "linux.ssh.")]),
    ('rule:"linux.ssh.*"', "findings", [Is("rule", ("linux.ssh.*",))]),
    ('os:"Debian GNU/Linux 12"', "hosts", [Is("os", ("Debian GNU/Linux 12",))]),
    ("port:>1024", "ports", [Range("port", 1024, above=True)]),
    ("port:<=1024", "ports", [Range("port", None, 1024)]),
    ("-port:1..1024", "ports", [Range("port", 1, 1024, negated=True)]),
    ("since:>30d", "findings", [Range("since", None, NOW - 30 * DAY, below=True)]),
    ("since:<=2w", "findings", [Range("since", NOW - 14 * DAY)]),
    ("since:10d..30d", "findings", [Range("since", NOW - 30 * DAY, NOW - 10 * DAY)]),
    ("expires:<30d", "certificates", [Range("expires", None, NOW + 30 * DAY, below=True)]),
    ("expires:0d..1y", "certificates", [Range("expires", NOW, NOW + 365 * DAY)]),
    (
        "since:26/11/2026",
        "findings",
        [Range("since", NOW - timedelta(hours=10), NOW + timedelta(hours=14), below=True)],
    ),
    ("since:>2026-11-26", "findings", [Range("since", NOW + timedelta(hours=14))]),
    ("since:<2026-11-26", "findings", [Range("since", None, NOW - timedelta(hours=10), below=True)]),
    (
        "since:2026-02",
        "findings",
        [
            Range(
                "since",
                datetime(2026, 1, 31, 17, tzinfo=UTC),
                datetime(2026, 2, 28, 17, tzinfo=UTC),
                below=True,
            )
        ],
    ),
    ("package:a version:<3.0", "packages", [Is("package", ("a",)), Range("version", None, "3.0", below=True)]),
    ("silent:có", "hosts", [Is("silent", (True,))]),
    ("silent-since:>30d", "hosts", [Range("silent-since", None, NOW - 30 * DAY, below=True)]),
    ("score:<50", "hosts", [Range("score", None, 500, below=True)]),
    ("score:57.3..80", "hosts", [Range("score", 573, 800)]),
    ("score:100", "hosts", [Is("score", (1000,))]),
    ("score:57,3", "hosts", [Is("score", (573,))]),
    ("-score:86,0", "hosts", [Is("score", (860,), negated=True)]),
    ("score:<57,3", "hosts", [Range("score", None, 573, below=True)]),
    ("score:57,3..80,5", "hosts", [Range("score", 573, 805)]),
    ("score:57,3,4", "hosts", [Is("score", (573, 40))]),
    ("score:57.3,4", "hosts", [Is("score", (573, 40))]),
    ("score:57,30", "hosts", [Is("score", (570, 300))]),
    ('score:57,"3"', "hosts", [Is("score", (570, 30))]),
    ("port:57,3", "ports", [Is("port", (57, 3))]),
    ("outcome:fail silent:yes", "findings", [Is("outcome", ("fail",)), Having("hosts", (Is("silent", (True,)),))]),
    ("agent-version:1.0..1.2", "hosts", [Range("agent-version", "1.0", "1.2")]),
    (
        "outcome:fail severity:high unit:01 port:3389",
        "findings",
        [
            Is("outcome", ("fail",)),
            Is("severity", ("high",)),
            Is("unit", ("01",)),
            Having("ports", (Is("port", (3389,)), Is("unit", ("01",)))),
        ],
    ),
    (
        "package:openssl web version:<3",
        "hosts",
        [
            Word("web"),
            Having("packages", (Is("package", ("openssl",)), Range("version", None, "3", below=True))),
        ],
    ),
    (
        "version:1 package:a package:b -port:22 version:2 -port:80",
        "findings",
        [
            Having("packages", (Is("version", ("1",)), Is("package", ("a",)))),
            Having("packages", (Is("package", ("b",)), Is("version", ("2",)))),
            Having("ports", (Is("port", (22,)),), negated=True),
            Having("ports", (Is("port", (80,)),), negated=True),
        ],
    ),
    ("user:an", "findings", [Having("accounts", (Is("user", ("an",)),))]),
    ("user:an process:x", "findings", [Having("ports", (Is("user", ("an",)), Is("process", ("x",))))]),
    ("issuer:x port:443", "packages", [Having("certificates", (Is("issuer", ("x",)), Is("port", (443,))))]),
    ("since:>30d", "ports", [Having("findings", (Range("since", None, NOW - 30 * DAY, below=True),))]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "terms"), UNDERSTOOD)
def test_what_is_typed_is_understood(text: str, kind: Kind, terms: list[Term]) -> None:
    assert asked(text, kind) == terms
    ask(query_of(read(text), kind, NOW))


REFUSED: list[tuple[str, Kind, str, str, tuple[str, ...]]] = [
    ('web "cụm từ', "findings", "open-quote", '"', ()),
    ("web outcom:fail", "findings", "no-field", "outcom:", ("outcome",)),
    ("http://x", "findings", "no-field", "http:", ()),
    ("outcome:fail port:x", "findings", "not-a-number", "port:x", ()),
    ("port:1 port:2 -uid:3 port:4 port:5 port:6", "hosts", "too-many-others", "-uid:3", ()),
    ("outcome:", "findings", "no-value", "outcome:", ("fail", "partial", "unknown")),
    ("outcome:fail,", "findings", "no-value", "outcome:fail,", ("fail", "partial", "unknown")),
    ("a -severity:hgih", "findings", "not-a-value", "-severity:hgih", ("high", "critical", "medium", "low")),
    ("outcome:pass", "findings", "not-a-value", "outcome:pass", ("fail", "partial", "unknown")),
    ("level:three", "hosts", "not-a-number", "level:three", ()),
    ("port:99999999999999999", "ports", "not-a-number", "port:99999999999999999", ()),
    ("level:1.5", "hosts", "not-a-number", "level:1.5", ()),
    ("score:<57.35", "hosts", "not-tenths", "score:<57.35", ()),
    ("score:57,x", "hosts", "not-tenths", "score:57,x", ()),
    ("score:-1", "hosts", "not-tenths", "score:-1", ()),
    ("sample:maybe", "hosts", "not-a-flag", "sample:maybe", ("true", "false")),
    ("since:30d", "findings", "needs-comparison", "since:30d", ("since:>30d",)),
    ("rule:<a", "findings", "not-compared", "rule:<a", ()),
    ("rule:a..b", "findings", "not-compared", "rule:a..b", ()),
    ("port:33*", "ports", "no-beginning", "port:33*", ()),
    ("port:>1,2", "ports", "one-value", "port:>1,2", ()),
    ("rule:a*,b", "findings", "one-value", "rule:a*,b", ()),
    ("port:>1..2", "ports", "one-value", "port:>1..2", ()),
    ("since:2026-01-01,2026-01-02", "findings", "one-value", "since:2026-01-01,2026-01-02", ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "why", "where", "fits"), REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place_and_what_would_fit(
    text: str, kind: Kind, why: str, where: str, fits: tuple[str, ...]
) -> None:
    with pytest.raises(Unfit, match="character") as caught:
        asked(text, kind)
    error = caught.value
    assert (error.why, text[error.start : error.end], error.fits[: len(fits)]) == (why, where, fits)


@pytest.mark.parametrize(
    "text", ["since:>9999y", "since:<2026-13-01", "since:0000-01", "since:1/1/0001", "since:x"]
)
def test_a_time_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="day or a length of time"):
        asked(text)


@given(TEXTS)
@example('-"a\\"b" x:y')
def test_what_is_written_back_is_read_the_same(text: str) -> None:
    refused = refusal(text)
    if refused is None:
        parts = parts_of(text)
        assert parts_of(write(parts)) == parts
    else:
        assert 0 <= refused.start < refused.end <= len(text)


FIELD_NAMES = sorted({name for kind in KINDS for name in FIELDS[kind]})


@given(st.sampled_from(FIELD_NAMES), st.lists(st.text(max_size=8), min_size=1, max_size=3), st.booleans())
def test_any_value_can_be_written_so_that_it_is_read_as_it_is(
    field: str, values: list[str], negated: bool
) -> None:
    part = Part(tuple(values), field, negated=negated)
    assert parts_of(write([part])) == [part]


@given(TEXTS, st.sampled_from(KINDS))
def test_every_text_is_a_question_that_an_index_takes_or_is_refused(text: str, kind: Kind) -> None:
    try:
        query = query_of(read(text), kind, NOW)
    except Unfit:
        return
    ask(query)


@given(TEXTS, st.sampled_from(FIELD_NAMES), st.text(min_size=1, max_size=9))
def test_a_term_put_in_by_a_link_is_taken_out_by_the_same_link(text: str, field: str, value: str) -> None:
    try:
        parts = [p for p in parts_of(text) if p.field != field]
    except Unfit:
        return
    assert toggled(toggled(parts, field, value), field, value) == parts


def test_a_link_narrows_instead_of_asking_for_two_values_at_once() -> None:
    parts = parts_of("web severity:high,low -severity:medium")
    assert write(toggled(parts, "severity", "low")) == "web -severity:medium severity:low"


@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000,
        '"' * MAX_TEXT,
        "-" * MAX_TEXT,
        "x:" * 500,
        "\\" * MAX_TEXT,
        "a " * (MAX_TEXT // 2),
        "outcome:" + "fail," * 190,
        "since:" + "9" * 900,
        '"' + '\\"' * 499,
        "." * MAX_TEXT,
        "rule:" + "a.." * 300,
        "\u202e\u0000\x1b[31m " * 20,
        "é\u0301" * 400,
    ],
)
def test_hostile_text_costs_nothing(text: str) -> None:
    began = time.perf_counter()
    for kind in KINDS:
        refused = refusal(text, kind)
        assert refused is None or len(str(refused)) < 2_000
    assert time.perf_counter() - began < 0.5


def test_a_text_has_a_length_and_a_number_of_terms() -> None:
    read("a" * MAX_TEXT)
    read("a " * MAX_PARTS)
    with pytest.raises(Unfit, match="longer than"):
        read("a" * (MAX_TEXT + 1))
    with pytest.raises(Unfit, match="more than"):
        read("a " * (MAX_PARTS + 1))


def test_a_field_belongs_to_kinds() -> None:
    assert kinds_of("port") == ["ports", "certificates"]
    assert kinds_of("host") == list(KINDS)
    assert kinds_of("x") == []
