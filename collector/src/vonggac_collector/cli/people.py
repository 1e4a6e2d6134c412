"""user add, list, passwd."""

from __future__ import annotations

import argparse
from pathlib import Path

from vonggac_collector.auth.caller import ROLES
from vonggac_collector.auth.passwords import MAX_LENGTH, make_password
from vonggac_collector.people import add_user, set_password
from vonggac_collector.state import write_secret

from .common import GOOD, Commands, actor, opened, show_json, show_table, utc_now


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    users = commands.group("user", "the people who sign in")
    add = users.add(
        "add",
        _add,
        "make an account; its password is made too, and shown this once",
        "vonggac-collector user add --name lan --role officer --unit so-y-te",
    )
    add.add_argument("--name", required=True, help="to sign in with")
    add.add_argument("--role", required=True, choices=ROLES, help="what they may do")
    add.add_argument("--unit", required=True, metavar="CODE", help="they see this unit and all under it")
    shown = users.add("list", _list, "show accounts", "vonggac-collector user list")
    shown.add_argument("--json", action="store_true", help="for programs")
    change = users.add(
        "passwd",
        _passwd,
        "make a new password and end the account's sessions",
        "vonggac-collector user passwd lan",
    )
    change.add_argument("name", help="the account")
    for made in (add, change):
        made.add_argument(
            "--password-file",
            type=Path,
            metavar="FILE",
            help="take the password from there; if there is no such file, write the one that is made (mode 600)",
        )


def _password(path: Path | None) -> tuple[str, str]:
    """The password, and what to tell about it."""
    if path is not None and path.exists():
        with path.open("r", encoding="utf-8") as file:
            return file.read(2 * MAX_LENGTH).strip(), f"as in {path}"
    password = make_password()
    if path is not None:
        write_secret(path, password.encode() + b"\n")
        return password, f"in {path}"
    return password, f"{password} (shown this once)"


def _add(args: argparse.Namespace) -> int:
    password, told = _password(args.password_file)
    with opened(args) as (_, ledger):
        add_user(ledger, args.name, args.role, args.unit, password, now=utc_now(), actor=actor())
    print(f"account {args.name} added, password {told}")
    return GOOD


def _passwd(args: argparse.Namespace) -> int:
    password, told = _password(args.password_file)
    with opened(args) as (_, ledger):
        set_password(ledger, args.name, password, now=utc_now(), actor=actor())
    print(f"password of {args.name}: {told}")
    return GOOD


def _list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger), ledger.read() as tx:
        users = tx.people.all()
    if args.json:
        show_json(
            [
                {"name": u.name, "role": u.role, "unit": u.unit, "active": u.active, "since": u.created_at}
                for u in users
            ]
        )
    else:
        show_table(
            ("name", "role", "unit", ""),
            [(u.name, u.role, u.unit, "" if u.active else "closed") for u in users],
        )
    return GOOD
