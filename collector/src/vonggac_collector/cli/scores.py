"""score, rulebook publish."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from vonggac_collector import policy, rulebooks
from vonggac_collector.auth.scope import require_unit
from vonggac_collector.board import Board, BoardMaker
from vonggac_collector.errors import Invalid
from vonggac_collector.retention import whole_since
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.grades import grade
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.score.system import by_cause
from vonggac_collector.score.values import FULL, AgencyScore, GroupScore
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES

from .common import (
    GOOD,
    REFUSED,
    Commands,
    actor,
    opened,
    operator,
    parse_time,
    show_json,
    show_table,
    utc_now,
)

_POINT: Final = FULL // 100


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    score = commands.add(
        "score",
        _score,
        "a unit's score with its deductions, computed from the ledger as it was",
        "vonggac-collector score --unit so-y-te --as-of 2026-11-01T00:00:00+07:00 --json",
    )
    score.add_argument("--unit", metavar="CODE", help="default: the root")
    score.add_argument("--as-of", type=parse_time, metavar="TIME", help="RFC 3339 (default: now)")
    score.add_argument("--json", action="store_true", help="for programs")
    books = commands.group("rulebook", "the rulebook that hosts are judged by")
    publish = books.add(
        "publish", _publish, "judge every host by this compiled rulebook from now on",
        "vonggac-collector rulebook publish rulebook.json",
    )  # fmt: skip
    publish.add_argument("file", type=Path, help="made by `vonggac-rules compile`")


def _score(args: argparse.Namespace) -> int:
    now = utc_now()
    as_of: datetime = args.as_of or now
    with opened(args) as (_, ledger):
        caller = operator(ledger, now)
        with ledger.read() as tx:
            unit = require_unit(tx.tree.units(as_of), caller, args.unit or caller.unit)
            whole = None if args.as_of is None else whole_since(tx)
        if whole is not None and as_of < whole:
            raise Invalid(f"reports of before {whole:%Y-%m-%d} (UTC) are no longer kept: scores begin there")
        board = BoardMaker(ledger, Shelf(ledger), load_parameters()).at(as_of)
    found = described(board, unit.code)
    if args.json:
        show_json(found)
        return GOOD
    told = "insufficient data" if found["class"] is None else f"class {found['class']}"
    print(
        f"{unit.name_vi}: {found['score'] if found['score'] is not None else 'not scored'}, {told}, as of {as_of}"
    )
    rows = [(d["rule"], f"-{d['points']:.4f}", d["hosts"]) for d in found["causes"]]
    show_table(("deduction", "points", "hosts"), rows)
    return GOOD


def described(board: Board, code: str) -> dict[str, Any]:
    """The shape that outside programs rely on (docs/commands.md): scores and points from 0 to 100."""
    score = board.scores[code]
    systems = score.systems if isinstance(score, AgencyScore) else ()
    return {
        "unit": code,
        "as_of": board.as_of,
        "score": _points(score.score),
        "class": score.grade,
        "with_waivers": _points(score.score),
        "coverage": score.coverage.share,
        "freshness_s": score.coverage.freshness_s,
        "attested": None,
        "parameters": score.parameters,
        "systems": [
            {
                "system": s.system,
                "level": s.level,
                "score": _points(s.score),
                "class": None if s.score is None else grade(s.score, board.parameters),
            }
            for s in systems
        ],
        "deductions": [
            {
                "rule": d.what,
                "kind": d.kind,
                "host": d.host,
                "system": d.system,
                "agency": d.agency,
                "points": d.points / _POINT,
                "hosts": d.hosts,
            }
            for d in score.deductions
        ],
        "causes": _causes(score),
    }


def _causes(score: GroupScore) -> list[dict[str, Any]]:
    return [
        {"rule": d.what, "kind": d.kind, "points": d.points / _POINT, "hosts": d.hosts}
        for d in by_cause(score)
    ]


def _points(points: int | None) -> float | None:
    return None if points is None else points / _POINT


def _publish(args: argparse.Namespace) -> int:
    with args.file.open("rb") as file:
        raw = file.read(MAX_RULEBOOK_BYTES + 1)
    if len(raw) > MAX_RULEBOOK_BYTES:
        print(f"{args.file}: larger than {MAX_RULEBOOK_BYTES} bytes")
        return REFUSED
    with opened(args) as (settings, ledger):
        policy.vouch(ledger, settings.state_dir, raw, utc_now(), actor())
        book = rulebooks.publish(ledger, raw, now=utc_now(), actor=actor())
    print(f"rulebook {book.version} in force: {len(book.rules)} rules, digest {book.digest}")
    return GOOD
