"""score; rulebook publish, try, end-trial, show."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from vonggac_collector import policy, rulebooks
from vonggac_collector.auth.scope import require_unit
from vonggac_collector.board import Board, BoardMaker
from vonggac_collector.errors import Invalid
from vonggac_collector.instants import written
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.policy import Trial
from vonggac_collector.retention import whole_since
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.grades import grade
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.score.system import by_cause
from vonggac_collector.score.values import FULL, AgencyScore, GroupScore
from vonggac_collector.unit_tree import UnitTree
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES

from .common import (
    GOOD,
    Commands,
    actor,
    counted,
    inert,
    opened,
    operator,
    parse_time,
    show_json,
    show_table,
    utc_now,
)
from .errors import sought

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
    sought(score, "unit {unit}", "unit list")
    books = commands.group("rulebook", "the rulebook that hosts are judged by")
    publish = books.add(
        "publish", _publish, "judge every host by this compiled rulebook from now on",
        "vonggac-collector rulebook publish rulebook.json",
    )  # fmt: skip
    trial = books.add(
        "try", _try, "judge some machines by this rulebook before all others; again with a larger share, to widen it",
        "vonggac-collector rulebook try rulebook.json --share 10 --unit so-y-te",
    )  # fmt: skip
    trial.add_argument(
        "--share",
        type=int,
        metavar="N",
        help="N of a hundred machines (0 to 99); default: as before, or none",
    )
    trial.add_argument(
        "--unit", action="append", default=[], metavar="CODE",
        help="all machines of this unit and beneath it; again for others. Default: as before, or none",
    )  # fmt: skip
    for command in (publish, trial):
        command.add_argument("file", type=Path, help="made by `vonggac-rules compile`")
    sought(trial, "unit for each of {unit}", "unit list")
    end = books.add(
        "end-trial", _end_trial, "judge those who try a rulebook by the one of all others again",
        "vonggac-collector rulebook end-trial",
    )  # fmt: skip
    sought(end, "rulebook that is tried", "rulebook show")
    shown = books.add(
        "show", _show, "which rulebook is in force, which is tried by whom, and what machines run",
        "vonggac-collector rulebook show --json",
    )  # fmt: skip
    shown.add_argument("--json", action="store_true", help="for programs")


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
    score = "not scored" if found["score"] is None else found["score"]
    print(f"{unit.name_vi}: {score}, {told}, as of {written(as_of)}")
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


def _read(path: Path) -> bytes:
    """Raises Invalid for more than a rulebook may have, OSError."""
    with path.open("rb") as file:
        raw = file.read(MAX_RULEBOOK_BYTES + 1)
    if len(raw) > MAX_RULEBOOK_BYTES:
        raise Invalid(f"{path}: larger than {MAX_RULEBOOK_BYTES} bytes")
    return raw


def _try(args: argparse.Namespace) -> int:
    raw = _read(args.file)
    with opened(args) as (settings, ledger):
        policy.vouch(ledger, settings.state_dir, raw, utc_now(), actor())
        book = rulebooks.try_out(ledger, raw, args.share, args.unit, now=utc_now(), actor=actor())
        with ledger.read() as tx:
            who = _tried_by(tx, rulebooks.trial_of(tx, now := utc_now()), now)
    print(f"rulebook {book.version} is tried: digest {book.digest}\n{who}")
    return GOOD


def _tried_by(tx: Transaction, trial: Trial | None, now: datetime) -> str:
    if trial is None:
        return "nobody tries a rulebook"
    who = [f"{trial.share} of a hundred machines"] if trial.share else []
    if trial.codes:
        tree = UnitTree(tx.tree.units(now))
        tops = tree.tops(trial.codes)
        names = ", ".join(f"{inert(tree.units[code].name_vi)} ({code})" for code in tops)
        beneath = len(trial.codes) - len(tops)
        who.append(f"all machines of {names}{f' and of {beneath} beneath' if beneath else ''}")
    return f"tried by {', and '.join(who)}"


def _end_trial(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        rulebooks.end_trial(ledger, now=utc_now(), actor=actor())
    print("nobody tries a rulebook any more")
    return GOOD


def _show(args: argparse.Namespace) -> int:
    now = utc_now()
    with opened(args) as (_, ledger), ledger.read() as tx:
        published, trial = tx.rulebooks.published(now), rulebooks.trial_of(tx, now)
        runs = tx.chain.running(now)
        digests = dict.fromkeys(
            [*([trial.rulebook] if trial else []), *(d for d, _ in published[::-1]), *runs]
        )
        versions = {d: row.version for d in digests if (row := tx.rulebooks.get(d)) is not None}
        tried_by = _tried_by(tx, trial, now)
    in_force = published[-1][0] if published else ""
    found = [
        {
            "digest": digest,
            "version": versions.get(digest, ""),
            "state": "in force"
            if digest == in_force
            else "tried"
            if trial and digest == trial.rulebook
            else "",
            "machines": runs.get(digest, 0),
        }
        for digest in digests
    ]
    if args.json:
        who = {"share": trial.share, "units": trial.codes} if trial else None
        show_json({"rulebooks": found, "trial": who})
        return GOOD
    show_table(("rulebook", "version", "state", "machines"), [tuple(f.values()) for f in found])
    print(tried_by)
    return GOOD


def _publish(args: argparse.Namespace) -> int:
    raw = _read(args.file)
    with opened(args) as (settings, ledger):
        policy.vouch(ledger, settings.state_dir, raw, utc_now(), actor())
        book = rulebooks.publish(ledger, raw, now=utc_now(), actor=actor())
    print(f"rulebook {book.version} in force: {counted(len(book.rules), 'rule')}, digest {book.digest}")
    return GOOD
