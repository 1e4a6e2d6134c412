"""What is fuzzed: every topic on an imagined machine, every format, and what else takes bytes from outside.

A target takes bytes and may raise only what its callers expect; anything else, as too much time or memory, is a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, NamedTuple

from tests.unit.facts.imagined import ImaginedHost, keys_of
from tests.unit.facts.test_any_machine import OF_THIS_MACHINE, assert_fits

from vonggac_agent.facts import GATHERERS
from vonggac_agent.formats import assignments, blocks, directives, documents, ini, lines, words
from vonggac_agent.untrusted import as_bytes, as_text
from vonggac_contract import decode, envelope, snapshot
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import TOPICS, CouldNotLook
from vonggac_rules import rulebook, source
from vonggac_rules.errors import RuleError

SEPARATOR: Final = b"\xff\xfe"
"""Between the parts of an input that become different files of the imagined machine."""


class Target(NamedTuple):
    """`run` gives True if the input was taken, not refused; `module` is where the work is done.

    `least`: the share of the module's functions that must have run for the target to count as reached.
    """

    run: Callable[[bytes], bool]
    module: str
    least: float = 0.5
    seeds: str = "host/**/*"
    """Files under tests/fixtures to begin with."""


def topic(name: str) -> Target:
    """Look for one topic on a machine whose files hold the parts of the input."""
    declared = TOPICS[name]
    keys = keys_of(name)

    def run(data: bytes) -> bool:
        parts = data.split(SEPARATOR)[:8]
        live = declared.live or len(data) % 2 == 0
        key = keys[len(data) % len(keys)]
        try:
            value, _ = GATHERERS[name](ImaginedHost(parts, live=live), key.selector)
        except (CouldNotLook, ValueError, OSError):
            return False
        assert_fits(value, declared.value)
        return True

    return Target(run, GATHERERS[name].__module__)


def reading(module: ModuleType, read: Callable[[str], Any]) -> Target:
    """Read the input as text in one format, which must hold what it was given or refuse it."""

    def run(data: bytes) -> bool:
        try:
            read(as_text(data))
        except ValueError:
            return False
        return True

    return Target(run, module.__name__)


def taking(module: ModuleType, read: Callable[[bytes], Any], seeds: str = "wire/**/*") -> Target:
    """Take bytes that come from outside through one of the contract's doors."""

    def run(data: bytes) -> bool:
        try:
            read(data)
        except (ContractError, RuleError):
            return False
        return True

    return Target(run, module.__name__, 0.1, seeds)


def _reversible(text: str) -> None:
    assert as_text(as_bytes(text)) == text


TARGETS: Final[dict[str, Target]] = {
    **{f"topic:{name}": topic(name) for name in sorted(set(GATHERERS) - OF_THIS_MACHINE)},
    "format:lines": reading(lines, lambda t: lines.significant(t, "#;", continuation="\\", inline=True)),
    "format:words": reading(words, words.words),
    "format:ini": reading(
        ini, lambda t: ini.parse(t, inline=True, fold=True, delimiters="=:", continuation="\\")
    ),
    "format:assignments": reading(
        assignments, lambda t: assignments.parse(t, separators="=:", blank=True, inline=True, posix=True)
    ),
    "format:directives": reading(directives, lambda t: directives.parse(t, equals=True, inline=True)),
    "format:blocks": reading(blocks, lambda t: blocks.parse(t, comments=("#", "//", "/*"))),
    "format:blocks-of-lines": reading(blocks, lambda t: blocks.parse(t, lines_end=True)),
    "format:json": reading(documents, documents.parse_json),
    "format:yaml": reading(documents, documents.parse_yaml),
    "format:toml": reading(documents, documents.parse_toml),
    "format:xml": reading(documents, documents.parse_xml),
    "text:escapes": reading(documents, _reversible),
    "door:json": taking(decode, decode.bounded_json),
    "door:gzip": taking(decode, decode.unpack_gzip),
    "door:envelope": taking(envelope, envelope.envelope_from_bytes),
    "door:snapshot": taking(snapshot, lambda d: snapshot.snapshot_from_value(decode.bounded_json(d))),
    "door:rulebook": taking(rulebook, rulebook.load_rulebook),
    "door:rule-yaml": taking(source, lambda d: source.parse_source(d, "fuzzed"), "no/such"),
}
