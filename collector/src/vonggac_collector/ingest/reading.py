"""A verified report, read without reading again what is known: most findings are, byte for byte, those of the report
before or of other machines. What a finding says is kept under its bytes, and the rest of the report read as a report
without findings.

The bytes decide alone, so it makes no difference who sent them first; how much is kept is bounded. Whatever is not
written as this project's encoder writes it is read as a whole (`statement_from_envelope`), which says what is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from vonggac_contract import limits
from vonggac_contract.decode import as_written, surely_few, unpack_gzip
from vonggac_contract.envelope import REPORT, Envelope
from vonggac_contract.finding import Finding
from vonggac_contract.report import SCHEMA, Statement, statement_from_envelope

from .vector import Said, one

_KEY: Final = b'"findings":['
_OPEN: Final = _KEY + b'{"rule":"'
_BETWEEN: Final = b'},{"rule":"'
_CLOSE: Final = b'}],"sections":{'
_MOST_BYTES: Final = 16 * limits.MIB
"""Of findings that are kept, some 15,000: those of thirty kinds of machines that share none; the project's figure."""
_BESIDE: Final = 700
"""Bytes that keeping one takes beside its own."""
_LONGEST: Final = 16 * limits.KIB
"""Of one finding that is kept; a longer one is read every time."""


class Told(NamedTuple):
    """What one finding says: its answer, and its parts of the list of rules (MessagePack) and of the content digest."""

    said: Said
    asked: msgspec.Raw
    decided: msgspec.Raw


class Reading(NamedTuple):
    """A statement whose report may have had its findings taken out, and what they say, in their order."""

    statement: Statement
    told: Sequence[Told]


def rules_of(told: Sequence[Told]) -> tuple[str, bytes]:
    """The list of a report's rules with severity and domain, packed (`vector.unpack_rules`), and its digest."""
    packed = msgspec.msgpack.encode([t.asked for t in told])
    return hashlib.sha256(packed).hexdigest(), packed


def content_of(reading: Reading) -> str:
    """What `vonggac_contract.report.content_digest` says of the report with its findings."""
    parts = {name: s.digest or s.unavailable for name, s in reading.statement.report.sections.items()}
    decided = [t.decided for t in reading.told]
    return hashlib.sha256(msgspec.json.encode([decided, parts], order="sorted")).hexdigest()


class Findings:
    """What findings say, by their bytes."""

    def __init__(self) -> None:
        self._told: dict[bytes, Told] = {}
        self._bytes = 0

    def of_pieces(self, pieces: Sequence[bytes]) -> Sequence[Told] | None:
        """What findings say that were cut apart at `_BETWEEN`; None unless each piece is one as it is written."""
        found = [*map(self._told.get, pieces)]
        new = [place for place, told in enumerate(found) if told is None]
        if new and not self._learn(found, pieces, new):
            return None
        return found  # type: ignore[return-value]  # those that were None are not any more

    def _learn(self, found: list[Told | None], pieces: Sequence[bytes], new: list[int]) -> bool:
        # As many brackets around them as in a report, for the bound on depth.
        listed = b'[[[{"rule":"' + _BETWEEN.join([pieces[place] for place in new]) + b"}]]]"
        read = as_written(listed, list[list[list[Finding]]], maximum=limits.MAX_UNPACKED_BYTES)
        # One list of as many findings as pieces: each begins where it was cut, so none of them was cut within.
        if read is None or [[len(inner) for inner in outer] for outer in read] != [[len(new)]]:
            return False
        for place, finding in zip(new, read[0][0], strict=True):
            found[place] = told = told_by(finding)
            self._keep(pieces[place], told)
        return True

    def _keep(self, piece: bytes, told: Told) -> None:
        if len(piece) > _LONGEST:
            return
        self._bytes += len(piece) + _BESIDE
        if self._bytes > _MOST_BYTES:
            self._told.clear()
            self._bytes = len(piece) + _BESIDE
        self._told[piece] = told


def told_by(finding: Finding) -> Told:
    """What it says."""
    said = one(Said(finding.outcome.value, finding.passed, finding.of, finding.reason))
    asked = msgspec.msgpack.encode((finding.rule, finding.severity, finding.domain))
    decided = msgspec.json.encode((finding.rule, finding.outcome, finding.reason, finding.passed, finding.of))
    return Told(said, msgspec.Raw(asked), msgspec.Raw(decided))


KNOWN: Final = Findings()
"""Used by the writing thread alone, as `outcomes._LISTS` is."""


def read_report(envelope: Envelope) -> Reading:
    """Read a report. Only for an envelope that `verify` has let through. Raises TooLarge, Malformed, UnknownSchema."""
    known = _by_pieces(unpack_gzip(envelope.payload)) if envelope.payload_type == REPORT else None
    return known or read_statement(statement_from_envelope(envelope))


def read_statement(statement: Statement) -> Reading:
    """One that was read as a whole."""
    return Reading(statement, [*map(told_by, statement.report.findings)])


def _by_pieces(raw: bytes) -> Reading | None:
    """None unless `raw` is a statement as `as_written` takes it, findings and all."""
    begin, _, rest = raw.partition(_OPEN)
    *pieces, last = rest.split(_BETWEEN)
    piece, closing, end = last.partition(_CLOSE)
    # Keys before the findings are the statement's own, and within its strings a quotation mark has a backslash before
    # it: so what is found first is where the report's findings are, be there any or none.
    if not closing or _KEY in begin or not surely_few(raw, limits.MAX_UNPACKED_BYTES):
        return None
    bare = as_written(b"".join((begin, _KEY, closing[1:], end)), Statement)
    if bare is None or bare.schema != SCHEMA:
        return None
    told = KNOWN.of_pieces([*pieces, piece])
    return None if told is None else Reading(bare, told)
