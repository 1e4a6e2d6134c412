"""What stays out of a report so that a collector can take the rest: it is held against the reader's own limits.

Somebody without rights on the machine can make a fact as large as he likes (ten thousand sockets); a report that no
collector takes would be the last that it hears. So the findings stay, and what of the inventory is too large says so.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
from msgspec.structs import replace

from vonggac_contract import limits
from vonggac_contract.decode import scan_json
from vonggac_contract.envelope import pack
from vonggac_contract.errors import ContractError, TooLarge
from vonggac_contract.finding import Evidence, Finding
from vonggac_contract.report import SCHEMA, Dropped, Report, Section, Statement, statement_from_raw

MAX_PACKED: Final = (limits.MAX_WIRE_BYTES - 64 * limits.KIB) * 3 // 4
"""Bytes of a payload (4 of base64 for 3) whose envelope is a body, also in a relay's box or on a line of a medium."""
CUT: Final = "the evidence of findings was cut: they are over what a collector takes"
_DIGEST: Final = "0" * 64
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_MOST: Final = 2**53
_LATER: Final = [""] * 100
"""Notices that may be added: one each time that the report is sealed again in another epoch."""


def fitted(report: Report, packed: int = MAX_PACKED) -> Report:
    """The report, if a collector takes it however it is numbered; else with less in it. Its content digest is not made
    anew. `packed`: bytes that it may have then.

    First the findings have to fit by themselves: fewer offenders, then no evidence. Then whichever section is largest
    is left out, one by one, and says why.
    """
    if _refusal(report, packed) is None:
        return report
    report = _with_less_evidence(report, packed)
    weights = {name: _weight(section) for name, section in report.sections.items()}
    for name in sorted(weights, key=weights.__getitem__, reverse=True):
        error = _refusal(report, packed)
        if error is None:
            break
        out = Section(
            unavailable=error.code,
            detail=f"left out of the report: {error}",
            withheld=report.sections[name].withheld,
        )
        report = replace(report, sections={**report.sections, name: out})
    return report


def _with_less_evidence(report: Report, packed: int) -> Report:
    findings = report.findings
    for most in (5, 1, 0):
        if _refusal(replace(report, findings=findings, sections={}), packed) is None:
            break
        findings = [_cut(finding, most) for finding in report.findings]
    if findings is report.findings:
        return report
    return replace(report, findings=findings, notices=[*report.notices, CUT])


def _cut(finding: Finding, most: int) -> Finding:
    """At most so many offenders, whose total stays; with none no evidence either."""
    return replace(finding, evidence=[_fewer(piece, most) for piece in finding.evidence] if most else [])


def _fewer(piece: Evidence, most: int) -> Evidence:
    return replace(piece, offenders=piece.offenders[:most], total=max(piece.total, len(piece.offenders)))


def _weight(section: Section) -> float:
    """The share that a section takes of what a report may have; beyond all others if it is refused by itself."""
    raw = msgspec.json.encode(section.content)
    try:
        bare = scan_json(raw, maximum=limits.MAX_UNPACKED_BYTES)
    except ContractError:
        return math.inf
    return max(
        bare.count(b":") / limits.MAX_JSON_KEYS,
        bare.count(b",") / limits.MAX_JSON_ITEMS,
        len(raw) / limits.MAX_UNPACKED_BYTES,
    )


def _refusal(report: Report, packed: int) -> ContractError | None:
    """What a collector would say of it in the longest statement there can be."""
    gap = Dropped(_MOST, _MOST, _DIGEST)
    report = replace(report, content=_DIGEST, dropped=gap, notices=[*report.notices, *_LATER])
    statement = Statement(SCHEMA, _NOBODY, _MOST, _MOST, _DIGEST, report.finished_at, report)
    raw = msgspec.json.encode(statement)
    try:
        statement_from_raw(raw)
        # Packed it is hardly ever longer than it was.
        if len(raw) > packed - limits.KIB and len(pack(raw)) > packed:
            return TooLarge(f"more than {packed} bytes, packed")
    except ContractError as error:
        return error
    return None
