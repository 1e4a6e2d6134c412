"""What is fuzzed: every topic on an imagined machine, every format, and what else takes bytes from outside.

A target takes bytes and may raise only what its callers expect; anything else, as too much time or memory, is a fault.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Mapping
from itertools import islice
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple, get_args

from tests.fuzz import doors
from tests.fuzz.machines import host_and_selector
from tests.fuzz.reach import leads_to, of_module
from tests.unit.facts.test_any_machine import OF_THIS_MACHINE, assert_fits

from vonggac_agent import owned
from vonggac_agent.facts import GATHERERS
from vonggac_agent.facts.access import account_files
from vonggac_agent.facts.commands import command_output
from vonggac_agent.facts.logs import journald
from vonggac_agent.facts.packages import rpm, unpack
from vonggac_agent.formats import assignments, blocks, directives, documents, ini, lines, words
from vonggac_agent.kernel import netfilter_tables
from vonggac_agent.tls import certificate, hello
from vonggac_agent.untrusted import as_bytes, as_text
from vonggac_collector import media as imported
from vonggac_contract import box, decode, envelope, proof, snapshot
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import TOPICS, CouldNotLook
from vonggac_rules import rulebook, source
from vonggac_rules.errors import RuleError


class Target(NamedTuple):
    """`run` gives True if the input was taken, not refused; `functions` are where the work is done.

    `least`: the share of them, without those `beyond`, that must have run for the target to count as reached.
    """

    run: Callable[[bytes], bool]
    functions: frozenset[CodeType]
    least: float = 0.5
    seeds: str = "host/**/*"
    """Files under tests/fixtures to begin with."""
    made: tuple[bytes, ...] = ()
    """Inputs to begin with."""
    beyond: Mapping[str, str] = {}
    """Functions, by their qualified names, that no input can reach, and why."""


BEYOND: Final[dict[str, dict[str, str]]] = {}
"""By topic: functions that no input can reach, and why."""


def topic(name: str) -> Target:
    """Look for one topic on a machine whose files hold the parts of the input."""

    def run(data: bytes) -> bool:
        host, selector = host_and_selector(name, data)
        try:
            value, _ = GATHERERS[name](host, selector)
        except (CouldNotLook, ValueError, OSError):
            return False
        assert_fits(value, TOPICS[name].value)
        return True

    gather = GATHERERS[name]
    return Target(run, leads_to(gather, (gather.__module__,)), 0.8, beyond=BEYOND.get(name, {}))


def reading(module: ModuleType, read: Callable[[str], Any]) -> Target:
    """Read the input as text in one format, which must hold what it was given or refuse it."""

    def run(data: bytes) -> bool:
        try:
            read(as_text(data))
        except ValueError:
            return False
        return True

    return Target(run, of_module(module))


def taking(module: ModuleType, read: Callable[[bytes], Any], seeds: str = "wire/**/*") -> Target:
    """Take bytes that come from outside through one of the contract's doors."""

    def run(data: bytes) -> bool:
        try:
            read(data)
        except (ContractError, RuleError):
            return False
        return True

    return Target(run, of_module(module), 0.1, seeds)


def raw(read: Callable[[bytes], Any], made: tuple[bytes, ...] = ()) -> Target:
    """Read bytes as they come from a disk, the kernel, a listener: the fact or a declared refusal."""

    def run(data: bytes) -> bool:
        try:
            read(data)
        except (CouldNotLook, ValueError, OSError):
            return False
        return True

    return Target(run, leads_to(read, (read.__module__,)), seeds="no/such", made=made)


def _unpacked(data: bytes) -> None:
    """The last byte says how it is packed."""
    packing = ("gz", "xz", "bz2", "lz4")[data[-1] % 4] if data else "gz"
    for part in islice(unpack.unpacked(f"a.{packing}", [data[:-1]]), 8):
        assert len(part) <= unpack.PART_BYTES


def _printed(data: bytes) -> None:
    """The last byte says how what a command printed is read."""
    forms = get_args(owned.Output)
    command_output.read(0, data[:-1], forms[data[-1] % len(forms)] if data else forms[0])


PRINTED: Final = (b"", b"17\n\1", b"a\nb\n\2", b'{"a/": [1, true, null, {"b": "c"}]}\3', b"a = 1\nb: c\n\4")
"""What commands print, one of each form."""
PACKED: Final = (
    gzip.compress(b"Package: a\n") + b"\0",
    lzma.compress(b"Package: a\n") + b"\1",
    bz2.compress(b"Package: a\n") + b"\2",
    bytes.fromhex("04224d18604082 01000080 61 00000000 03"),
)
"""One stream of each packing; of LZ4 a frame of one block that is stored as it is (lz4_Frame_format)."""
RAW: Final[dict[str, tuple[ModuleType, str]]] = {
    "bytes:certificate": (certificate, "read"),
    "bytes:journal": (journald, "first_entry"),
    "bytes:lastlog": (account_files, "lastlog_day"),
    "bytes:netlink": (netfilter_tables, "count"),
    "bytes:rpm-header": (rpm, "unsigned"),
    "bytes:tls-answer": (hello, "answer"),
    "bytes:tls-hello": (hello, "hello_seen"),
    "bytes:wtmp": (account_files, "wtmp_days"),
}
"""What takes bytes of no text, and is nobody's topic alone; its inputs in the tests are where the fuzzer begins."""


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
    **{name: raw(getattr(module, function)) for name, (module, function) in RAW.items()},
    "bytes:packed": raw(_unpacked, PACKED)._replace(functions=of_module(unpack)),
    "bytes:command-output": raw(_printed, PRINTED)._replace(
        functions=leads_to(command_output.read, (command_output.__name__,))
    ),
    "text:escapes": reading(documents, _reversible),
    "door:json": taking(decode, decode.bounded_json),
    "door:gzip": taking(decode, decode.unpack_gzip),
    "door:envelope": taking(envelope, envelope.envelope_from_bytes),
    "door:proof": taking(proof, proof.proof_from_bytes),
    "door:snapshot": taking(
        snapshot, lambda d: snapshot.snapshot_from_value(decode.bounded_json(d))
    )._replace(made=doors.SNAPSHOTS),
    "door:rulebook": taking(rulebook, rulebook.load_rulebook),
    "door:rule-yaml": taking(source, lambda d: source.parse_source(d, "fuzzed"), "no/such"),
    "door:box": Target(doors.box, of_module(box), 0.5, "no/such", doors.BOXES),
    "door:delta": Target(doors.told, doors.DELTAS_READ, 0.9, "no/such", doors.DELTAS),
    "door:signed": Target(doors.signed, doors.READERS, 0.8, "no/such", doors.DOCUMENTS),
    "door:export": Target(doors.export, of_module(imported), 0.5, "no/such", doors.EXPORTS),
    "door:policy": Target(doors.policy, doors.CHECKS, 0.8, "no/such", doors.POLICIES),
}
