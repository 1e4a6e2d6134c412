"""A rulebook from outside is checked whole; one that was taken before reads the same, and quicker."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from vonggac_contract.errors import ContractError, Malformed, UnknownSchema
from vonggac_contract.rule import Profile, RulebookFile, Text
from vonggac_contract.terminal import acting
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.rulebook import Rulebook, load_again, load_rulebook

WORDS = Text("lời", "words")
Load = Callable[[bytes], Rulebook]


def test_the_shipped_rulebook_reads_the_same_either_way() -> None:
    raw = default_rulebook_bytes()
    first, again = load_rulebook(raw), load_again(raw)
    assert (first.rules, first.profiles, first.clauses) == (again.rules, again.profiles, again.clauses)
    assert (first.digest, first.version) == (again.digest, again.version)


@pytest.mark.parametrize("load", [load_rulebook, load_again])
@pytest.mark.parametrize(
    ("raw", "refused"),
    [
        (msgspec.json.encode(RulebookFile(2, "0", [], [])), UnknownSchema),
        (b'{"schema":1,"version":"0","rules":[{}],"profiles":[]}', Malformed),
        (b'{"schema":1,"version":"0","rules":[', Malformed),
        (b'{"schema":1,"version":"0","rules":' + b"[" * 100_000, ContractError),
        (b'{"schema":1,"version":"0","rules":[],"profiles":["\xff"]}', Malformed),
        (b"[]", Malformed),
        (
            msgspec.json.encode(RulebookFile(1, "0", [], [Profile("p", 3, WORDS, WORDS, {"linux.x.y": {}})])),
            Malformed,
        ),
    ],
)
def test_what_is_no_rulebook_of_this_release_is_refused(
    load: Load, raw: bytes, refused: type[ContractError]
) -> None:
    with pytest.raises(refused):
        load(raw)


def test_a_rule_that_says_a_thing_twice_is_refused_from_outside() -> None:
    raw = b'{"schema":1,"version":"0","rules":[],"profiles":[],"clauses":{"a":{"1":"x","1":"y"}}}'
    with pytest.raises(Malformed, match="twice"):
        load_rulebook(raw)


@pytest.mark.parametrize("load", [load_rulebook, load_again])
@pytest.mark.parametrize("words", ["\x1b[2J", "a\u202eb", "a\rb", "\x9b", "a\u2028b"])
def test_a_text_that_acts_on_a_terminal_is_refused_from_outside(load: Load, words: str) -> None:
    for profile in (
        Profile("p", 3, Text("lời", words), WORDS, {}),
        Profile("p", 3, WORDS, Text(words, "words"), {}),
        Profile(words, 3, WORDS, WORDS, {}),
    ):
        with pytest.raises(Malformed, match="acts on a terminal"):
            load(msgspec.json.encode(RulebookFile(1, "0", [], [profile])))
    book = load_rulebook(default_rulebook_bytes())
    rule = next(iter(book.rules.values()))
    for change in (
        {"title": Text(words, "a")},
        {"why": Text("a", words)},
        {"fix": {"any": Text("a", words)}},
    ):
        bad = msgspec.structs.replace(rule, **change)
        with pytest.raises(Malformed, match="acts on a terminal"):
            load(msgspec.json.encode(RulebookFile(1, "0", [bad], [])))


def test_lines_tabs_and_letters_of_vietnam_act_on_nothing() -> None:
    assert acting("Ủy ban nhân dân\n\tThừa Thiên Huế\u0303\u00a0") is None
    assert acting("Huế\n\x1b") == 4
