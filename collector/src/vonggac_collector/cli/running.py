"""init, serve, work, migrate, settings."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog

from vonggac_collector import boxes, rulebooks
from vonggac_collector.app import create_app
from vonggac_collector.auth.passwords import make_password
from vonggac_collector.background import Background
from vonggac_collector.board import BoardMaker
from vonggac_collector.checkpoints import Notary
from vonggac_collector.errors import Busy, SettingsError
from vonggac_collector.index.opening import make_consumer, make_index
from vonggac_collector.index.reading import Reader
from vonggac_collector.index.rebuild import rebuild
from vonggac_collector.ledger.interface import Duty, Ledger
from vonggac_collector.log import configure_log
from vonggac_collector.people import add_user
from vonggac_collector.policy import begin, clerks, vouch
from vonggac_collector.processes import run_crew
from vonggac_collector.retention import Keeper, load_months
from vonggac_collector.rollup import Worker
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.server import listening, make_server
from vonggac_collector.settings import MAX_WORKERS, Settings, load_settings, sources
from vonggac_collector.state import KEY_FILE, alone_in, load_key, make_state, write_secret
from vonggac_collector.structure import NewUnit, add_units
from vonggac_rules.builtin import default_rulebook_bytes

from .common import GOOD, Commands, actor, counted, open_by, opened, show_json, show_table, utc_now

_INIT_S = 60.0
"""An init is done within seconds; the rest is patience."""
_LOG: Final = structlog.get_logger("vonggac.work")


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    init = commands.add(
        "init",
        _init,
        "make the state folder, the key, the ledger and the first administrator; what is there stays",
        "vonggac-collector init --root-code tinh --root-name-vi 'UBND tỉnh' --password-file admin.txt",
    )
    init.add_argument(
        "--admin", default="admin", metavar="NAME", help="the first administrator (default: admin)"
    )
    init.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="write the password there (mode 600) instead of printing it",
    )
    init.add_argument("--root-code", default="vn", metavar="CODE", help="code of the root unit (default: vn)")
    init.add_argument("--root-name-vi", default="Việt Nam", metavar="NAME", help="its name in Vietnamese")
    init.add_argument("--root-name-en", default="", metavar="NAME", help="its name in English")
    serve = commands.add(
        "serve", _serve, "serve agents and people, and publish scores", "vonggac-collector serve"
    )
    serve.add_argument("--no-pages", action="store_true", help="leave out installed pages; interfaces only")
    serve.add_argument(
        "--workers",
        type=int,
        choices=range(1, MAX_WORKERS + 1),
        metavar="N",
        help="web processes on one address, with PostgreSQL (default: the setting `workers`)",
    )
    commands.add(
        "work",
        _work,
        "publish scores without serving (with VONGGAC_ROLE=web elsewhere)",
        "vonggac-collector work",
    )
    commands.add(
        "reindex",
        _reindex,
        "make the search index anew from the ledger, while the old one goes on answering",
        "vonggac-collector reindex",
    )
    commands.add(
        "migrate", _migrate, "bring the ledger's schema to this release", "vonggac-collector migrate"
    )
    shown = commands.add(
        "settings",
        _settings,
        "show every setting, its value and where it comes from",
        "vonggac-collector settings",
    )
    shown.add_argument("--json", action="store_true", help="for programs")


def _init(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    with alone_in(settings.state_dir, _say_waiting):
        if make_state(settings.state_dir):
            print(f"made the collector's key in {settings.state_dir}")
        boxes.make_first(settings.state_dir, utc_now())
        with closing(open_by(settings, upgrade=True)) as ledger, closing(ledger.duty("init")) as duty:
            _wait_for(duty)
            _first_rows(args, ledger, settings.state_dir)
            if begin(ledger, settings.state_dir, utc_now(), actor()):
                print("made a policy repository with keys of this machine; docs/policy.md has the ceremony")
    print(f"ready; start it with `vonggac-collector serve`, then open {settings.url}")
    return GOOD


def _wait_for(duty: Duty) -> None:
    """Another machine's init on the same server. Raises Busy if it takes too long."""
    until = time.monotonic() + _INIT_S
    if not duty.held():
        _say_waiting()
    while not duty.held():
        if time.monotonic() > until:
            raise Busy("another init on the same ledger does not end")
        time.sleep(0.1)


def _say_waiting() -> None:
    print("another init is at it; waiting for it to end", file=sys.stderr)


def _first_rows(args: argparse.Namespace, ledger: Ledger, folder: Path) -> None:
    now, who = utc_now(), actor()
    if vouch(ledger, folder, default_rulebook_bytes(), now, who):
        book = rulebooks.publish(ledger, default_rulebook_bytes(), now=now, actor=who)
        print(f"rulebook {book.version} in force, {counted(len(book.rules), 'rule')}")
    else:
        print("this release's rulebook waits for the policy repository to vouch for it (docs/policy.md)")
    with ledger.read() as tx:
        units, users = tx.tree.units(now), tx.people.all()
    if not units:
        name_en = args.root_name_en or ("Viet Nam" if args.root_code == "vn" else "")
        add_units(
            ledger, [NewUnit(args.root_code, "", "root", args.root_name_vi, name_en)], now=now, actor=who
        )
        print(f"root unit {args.root_code}")
    if not users:
        password = make_password()
        if args.password_file is not None:
            write_secret(args.password_file, password.encode() + b"\n")
        root = args.root_code if not units else units[0].code
        add_user(ledger, args.admin, "administrator", root, password, now=now, actor=who)
        told = (
            f"in {args.password_file}" if args.password_file is not None else f"{password} (shown this once)"
        )
        print(f"administrator {args.admin}, password {told}")


def _serve(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger):
        configure_log()
        workers = args.workers or settings.workers
        key = load_key(settings.state_dir)
        if workers == 1:
            with listening(settings) as listener:
                app = create_app(settings, ledger, key, pages=not args.no_pages)
                make_server(app, settings).run([listener])
            return GOOD
    if not settings.database_url.startswith("postgresql"):
        raise SettingsError(
            f"{workers} web processes need PostgreSQL: SQLite lets one process write at a time; set database_url "
            "(example: postgresql://vonggac@db.example/vonggac?sslmode=verify-full), or workers to 1"
        )
    work = _work_in_crew if settings.role == "all" else None
    with listening(settings) as listener:
        run_crew(workers, listener, _web_in_crew, work, settings, not args.no_pages)
    return GOOD


def _web_in_crew(listener: socket.socket, settings: Settings, pages: bool) -> None:
    configure_log()
    only_web = settings.model_copy(update={"role": "web"})
    with closing(open_by(settings)) as ledger:
        app = create_app(only_web, ledger, load_key(settings.state_dir), pages=pages)
        make_server(app, only_web).run([listener])


def _work_in_crew(settings: Settings, _pages: bool) -> None:
    with closing(open_by(settings)) as ledger:
        _work_with(settings, ledger)


def _work(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger):
        _work_with(settings, ledger)
    return GOOD


def _work_with(settings: Settings, ledger: Ledger) -> None:
    """Until SIGTERM or SIGINT."""
    with closing(make_index(settings)) as index:
        configure_log()
        shelf = Shelf(ledger)
        worker = Worker(ledger, BoardMaker(ledger, shelf, load_parameters()), utc_now)
        consumer = make_consumer(ledger, index, shelf, utc_now)
        keeper = Keeper(ledger, index, load_months(settings.keep_months), utc_now)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        threads: list[Background] = [worker, consumer, keeper]
        if (settings.state_dir / KEY_FILE).exists():
            threads.append(Notary(ledger, load_key(settings.state_dir), utc_now))
            threads += clerks(ledger, settings.state_dir, utc_now)
        else:
            _LOG.warning("this worker takes no checkpoints: its state folder has no key to sign them with")
        for thread in threads:
            thread.start()
        stop.wait()
        for thread in reversed(threads):
            thread.stop()


def _reindex(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger), closing(make_index(settings)) as index:
        reader = Reader(ledger, Shelf(ledger), utc_now)
        began = time.monotonic()

        def report(done: int, total: int) -> None:
            print(f"{done} of {total} hosts, {time.monotonic() - began:.0f} s", file=sys.stderr)

        hosts = rebuild(ledger, index, reader, utc_now, report=report)
        health = index.health()
        print(f"search has {counted(hosts, 'host')}, generation {health.generation}")
    return GOOD


def _migrate(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    ledger = open_by(settings, upgrade=True)
    print(f"the ledger's schema is {ledger.schema()[0]}")
    ledger.close()
    return GOOD


def _settings(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    origins = sources(args.config)
    rows = [(name, str(value), origins[name]) for name, value in settings.model_dump().items()]
    if args.json:
        show_json([{"name": n, "value": v, "source": s} for n, v, s in rows])
    else:
        show_table(("setting", "value", "source"), rows)
        sys.stdout.write(
            "Each is set as VONGGAC_<NAME> in the environment, or by its name in the file of --config.\n"
        )
    return GOOD
