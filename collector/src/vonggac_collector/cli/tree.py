"""unit, system, host, token."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from vonggac_collector.auth.scope import require_unit
from vonggac_collector.enrolment import create_token, revoke_token
from vonggac_collector.instants import written
from vonggac_collector.queries import MAX_FOUND, Queries
from vonggac_collector.revocation import revoke
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.score.values import LEVELS
from vonggac_collector.state import write_secret
from vonggac_collector.structure import (
    CRITICALITIES,
    MAX_CSV_BYTES,
    NewUnit,
    add_system,
    add_units,
    move_host,
    read_units,
    said_of,
    set_level,
)

from .common import (
    GOOD,
    Commands,
    actor,
    counted,
    opened,
    operator,
    parse_time,
    show_json,
    show_table,
    utc_now,
)
from .errors import sought

_DEFAULT_DAYS = 7


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    _add_units(commands.group("unit", "units of the tree"))
    _add_systems(commands.group("system", "information systems"))
    hosts = commands.group("host", "hosts")
    found = hosts.add(
        "list", _host_list, "show hosts, silent and worst ones first", "vonggac-collector host list web"
    )
    found.add_argument("text", nargs="?", default="", help="part of a name, or the beginning of an id")
    found.add_argument("--json", action="store_true", help="for programs")
    taken = hosts.add(
        "revoke",
        _host_revoke,
        "take a host's key away: from its next request on nothing of it is taken",
        "vonggac-collector host revoke 7f0e… --reason 'stolen'",
    )
    taken.add_argument("id", help="the host's id, as `host list` shows it")
    taken.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the audit log")
    sought(taken, "host {id}", "host list")
    move = hosts.add(
        "move",
        _host_move,
        "from now on a host belongs elsewhere; scores of the past stay",
        "vonggac-collector host move 6c1b… --unit hue/so-y-te --system hsyt",
    )
    move.add_argument("id", help="the host's id, as `host list` shows it")
    move.add_argument(
        "--unit", metavar="CODE", help="default: where it is; to another it takes no system along"
    )
    move.add_argument("--system", metavar="ID", help="one of that unit; '' for none")
    move.add_argument("--criticality", type=int, choices=CRITICALITIES, help="3 counts most")
    _add_tokens(commands.group("token", "enrolment tokens"))


def _add_units(units: Commands) -> None:
    add = units.add(
        "add",
        _unit_add,
        "add a unit",
        "vonggac-collector unit add --code so-y-te --kind agency --name-vi 'Sở Y tế' --name-en 'Department of Health'",
    )
    add.add_argument("--code", required=True, help="its code, such as ha-noi/so-y-te")
    add.add_argument("--parent", default="", metavar="CODE", help="the unit above it (default: the root)")
    add.add_argument("--kind", choices=("province", "agency"), default="agency", help="default: agency")
    add.add_argument("--name-vi", required=True, metavar="NAME", help="its name in Vietnamese")
    add.add_argument("--name-en", default="", metavar="NAME", help="its name in English")
    shown = units.add("list", _unit_list, "show the tree", "vonggac-collector unit list --json")
    shown.add_argument("--json", action="store_true", help="for programs")
    read = units.add(
        "import",
        _unit_import,
        "add units from CSV with the columns code,parent,kind,name_vi,name_en; all or none",
        "vonggac-collector unit import units.csv",
    )
    read.add_argument("file", type=Path, help="UTF-8, parents before children")


def _add_systems(systems: Commands) -> None:
    add = systems.add(
        "add",
        _system_add,
        "add an information system",
        "vonggac-collector system add --id hsyt --unit so-y-te --level 3 --name-vi 'Hồ sơ sức khỏe'",
    )
    add.add_argument("--id", required=True, help="its id, such as hsyt")
    add.add_argument("--unit", required=True, metavar="CODE", help="the unit it belongs to")
    add.add_argument("--level", type=int, required=True, choices=LEVELS, help="its level, 1 to 5")
    add.add_argument("--name-vi", required=True, metavar="NAME", help="its name in Vietnamese")
    add.add_argument("--name-en", default="", metavar="NAME", help="its name in English")
    level = systems.add(
        "level",
        _system_level,
        "from now on a system is of another level; scores of the past stay",
        "vonggac-collector system level hsyt 3 --reason '1234/QĐ-UBND'",
    )
    level.add_argument("id", help="as `system list` shows it")
    level.add_argument("level", type=int, choices=LEVELS, help="1 to 5")
    level.add_argument("--reason", required=True, metavar="TEXT", help="the decision that says so")
    shown = systems.add("list", _system_list, "show information systems", "vonggac-collector system list")
    shown.add_argument("--json", action="store_true", help="for programs")


def _add_tokens(tokens: Commands) -> None:
    make = tokens.add(
        "create",
        _token_create,
        "make an enrolment token; it is shown this once",
        "vonggac-collector token create --agency so-y-te --uses 20 --expires 2026-12-31T00:00:00+07:00",
    )
    make.add_argument("--agency", required=True, metavar="CODE", help="the unit that the machines belong to")
    make.add_argument("--system", metavar="ID", help="the information system they belong to")
    make.add_argument("--host", metavar="ID", help="a new key and epoch for this host, instead of a new host")
    make.add_argument("--approval", action="store_true", help="each machine waits until it is approved")
    make.add_argument("--uses", type=int, default=1, metavar="N", help="how many machines (default: 1)")
    make.add_argument(
        "--expires", type=parse_time, metavar="TIME", help=f"RFC 3339 (default: in {_DEFAULT_DAYS} days)"
    )
    make.add_argument(
        "--out", type=Path, metavar="FILE", help="write the token there (mode 600), not to the terminal"
    )
    make.add_argument("--json", action="store_true", help="for programs")
    sought(make, "unit {agency}, or it has no such system or host", "unit list")
    shown = tokens.add(
        "list", _token_list, "show enrolment tokens, without their text", "vonggac-collector token list"
    )
    shown.add_argument("--json", action="store_true", help="for programs")
    end = tokens.add(
        "revoke", _token_revoke, "from now on the token enrols nobody", "vonggac-collector token revoke 3f…"
    )
    end.add_argument("id", help="as `token list` shows it")
    sought(end, "token {id}", "token list")


def _unit_add(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        unit = NewUnit(args.code, args.parent, args.kind, args.name_vi, args.name_en)
        add_units(ledger, [unit], now=utc_now(), actor=actor())
    print(f"unit {args.code} added")
    return GOOD


def _unit_import(args: argparse.Namespace) -> int:
    with args.file.open("rb") as file:
        found = read_units(file.read(MAX_CSV_BYTES + 1))
    with opened(args) as (_, ledger):
        number = add_units(ledger, found, now=utc_now(), actor=actor())
    print(f"{counted(number, 'unit')} added")
    return GOOD


def _unit_list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger), ledger.read() as tx:
        units = tx.tree.units(utc_now())
    if args.json:
        show_json(units)
    else:
        rows = [(u.code, u.parent or "", u.kind, u.name_vi, "sample" if u.sample else "") for u in units]
        show_table(("code", "parent", "kind", "name", ""), rows)
    return GOOD


def _system_add(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        now, who = utc_now(), actor()
        add_system(ledger, args.id, args.unit, args.level, args.name_vi, args.name_en, now=now, actor=who)
    print(f"system {args.id} added")
    return GOOD


def _system_level(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        set_level(ledger, args.id, args.level, args.reason, now=utc_now(), actor=actor())
    print(f"system {args.id} is of level {args.level} from now on")
    return GOOD


def _system_list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger), ledger.read() as tx:
        systems = tx.tree.systems(utc_now())
    if args.json:
        show_json(systems)
    else:
        show_table(("id", "unit", "level", "name"), [(s.id, s.unit, s.level, s.name_vi) for s in systems])
    return GOOD


def _host_list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        queries = Queries(ledger, Shelf(ledger), load_parameters(), utc_now)
        rows = queries.search_hosts(operator(ledger, utc_now()), args.text, MAX_FOUND)
    if args.json:
        show_json(rows)
    else:
        cells = [
            (
                r.id,
                r.hostname,
                "-" if r.score is None else f"{r.score / 10_000:.1f}",
                r.failing,
                r.looked_at or "never",
            )
            for r in rows
        ]
        show_table(("id", "name", "score", "failing", "looked at"), cells)
    return GOOD


def _host_revoke(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        revoke(ledger, operator(ledger, utc_now()), args.id, args.reason, utc_now())
    print(f"the key of host {args.id} is revoked; a token for it (`token create --host`) lets it in again")
    return GOOD


def _host_move(args: argparse.Namespace) -> int:
    to = {"unit": args.unit, "system": args.system, "criticality": args.criticality}
    with opened(args) as (_, ledger):
        place = move_host(ledger, args.id, **to, now=utc_now(), actor=actor())
    print(f"host {place.host} is from now on: {said_of(place)}")
    return GOOD


def _token_create(args: argparse.Namespace) -> int:
    now = utc_now()
    with opened(args) as (_, ledger):
        caller = operator(ledger, now)
        with ledger.read() as tx:
            require_unit(tx.tree.units(now), caller, args.agency)
        expires = args.expires or now + timedelta(days=_DEFAULT_DAYS)
        text, row = create_token(
            ledger,
            caller,
            args.agency,
            args.system,
            args.uses,
            expires,
            now,
            host=args.host,
            approval=args.approval,
        )
    if args.out is not None:
        write_secret(args.out, text.encode() + b"\n")
    if args.json:
        show_json({"token": None if args.out is not None else text, "row": row})
        return GOOD
    if args.out is None:
        print(text)
    print(
        f"for {counted(row.uses_left, 'machine')} of {args.agency}, until {written(row.expires_at)}",
        file=sys.stderr,
    )
    return GOOD


def _token_list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        queries = Queries(ledger, Shelf(ledger), load_parameters(), utc_now)
        tokens = queries.enrol(operator(ledger, utc_now())).tokens
    if args.json:
        show_json(tokens)
    else:
        rows = [
            (
                t.id,
                t.unit.code,
                t.system,
                t.uses_left,
                t.expires_at,
                "revoked" if t.revoked else "approval" if t.approval else "",
            )
            for t in tokens
        ]
        show_table(("id", "unit", "system", "uses left", "expires", ""), rows)
    return GOOD


def _token_revoke(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        revoke_token(ledger, operator(ledger, utc_now()), args.id, utc_now())
    print(f"token {args.id} revoked")
    return GOOD
