"""`make demo`: a collector, this machine measured for real, a sample country beside it; ctrl-C ends it all.

Everything stands in build/demo of the clone; remove that folder to begin anew.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from vonggac_collector import policy, rulebooks
from vonggac_collector.auth.passwords import make_password
from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.state import load_key, make_state, write_secret
from vonggac_rules.builtin import default_rulebook_bytes

from .country import ROOT, country
from .sample import (
    ACTOR,
    CALLER,
    HERE,
    Memory,
    carry_on,
    enrol_all,
    first_day,
    fits,
    provinces,
    read_memory,
    settle,
    write_memory,
)

CLONE: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = Path(os.environ.get("VONGGAC_DEMO_DIR", CLONE / "build" / "demo"))
PORT: Final = 8440
BIN: Final = Path(sys.executable).parent
LOGIN: Final = "admin"


class Stopped(Exception):
    """Somebody asked the demonstration to end."""


class Said:
    """Progress: one line that moves on a terminal, few lines elsewhere."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.moving = sys.stdout.isatty()
        self.told = ""

    def __call__(self, what: str, done: int, of: int) -> None:
        if self.moving:
            filled = 30 * done // max(of, 1)
            print(f"\r  {what:<16} [{'█' * filled}{'·' * (30 - filled)}] {done}/{of} ", end="", flush=True)
        if done == of:
            print("\r" if self.moving else "", end="")
            self.line(f"{what}: {of}")

    def line(self, text: str) -> None:
        """One line, with the seconds since the start."""
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}" + " " * 24 * self.moving, flush=True)


def main() -> int:
    """Run until stopped; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    children: list[subprocess.Popen[bytes]] = []
    try:
        show(Said(), children)
    except Stopped:
        print("\nstopping")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        end(children)
    return 0


def _stop(*_: Any) -> None:
    raise Stopped


def show(said: Said, children: list[subprocess.Popen[bytes]]) -> None:
    """Prepare, start, tell; then wait."""
    memory_file = FOLDER / "memory.json"
    memory = read_memory(memory_file)
    if memory is not None and not fits(memory):
        memory = None
    if memory is None and FOLDER.exists():
        said.line("an earlier run did not get to its end, or had another sample country; beginning anew")
        shutil.rmtree(FOLDER)
    port = memory.port if memory is not None else free_port()
    held = hold(port)
    collector_dir, agent_dir = FOLDER / "collector", FOLDER / "agent"
    make_state(collector_dir)
    ledger = open_ledger(f"sqlite:///{collector_dir}/ledger.db", upgrade=True)
    try:
        memory = prepare(ledger, collector_dir, memory, port, said)
        write_memory(memory_file, memory)
        token_file = None if (agent_dir / "identity.json").exists() else make_token(ledger)
    finally:
        ledger.close()

    url = f"http://127.0.0.1:{port}"
    log = FOLDER / "collector.log"
    children.append(start("vonggac-collector", ["serve"], log, collector_environment(collector_dir, port)))
    wait_ready(port, children[0], log)
    held.close()
    password = (FOLDER / "password").read_text().strip()
    said.line(f"the pages are up\n\n  Vọng Gác   {url}/\n  login      {LOGIN}   {password}\n")
    agent = {"VONGGAC_STATE_DIR": str(agent_dir)}
    if token_file is not None:
        call("vonggac-agent", ["enrol", "--collector", url, "--token-file", str(token_file)], agent)
        token_file.unlink()
        said.line("this machine is enrolled")
    call("vonggac-agent", ["run", "--once"], agent)
    state = msgspec.json.decode(call("vonggac-agent", ["status", "--json"], agent, bad=(0, 1)))
    said.line(
        f"this machine was measured: report {state['last_report']['sequence']}, {state['last_report']['state']}"
    )
    children.append(start("vonggac-agent", ["run"], FOLDER / "agent.log", agent))
    print(
        f"\n  this machine, really measured   {url}/units/{HERE}\n"
        "  everything else is sample data, and says so on its pages\n\n"
        "  ctrl-C ends it; `make demo` goes on from here\n",
        flush=True,
    )
    while all(child.poll() is None for child in children):
        time.sleep(0.5)
    raise RuntimeError(f"a part of the demonstration ended by itself; see {log} and {FOLDER / 'agent.log'}")


def prepare(ledger: Ledger, folder: Path, memory: Memory | None, port: int, said: Said) -> Memory:
    """The ledger with the sample country up to now."""
    now = datetime.now(UTC)
    key = load_key(folder)
    if memory is None:
        began = first_day(now)
        book = rulebooks.publish(ledger, default_rulebook_bytes(), now=began, actor=ACTOR)
        policy.begin(ledger, folder, now, ACTOR)
        settle(ledger, began)
        password = make_password()
        write_secret(FOLDER / "password", password.encode() + b"\n")
        add_user(ledger, LOGIN, "administrator", ROOT, password, now=now, actor=ACTOR)
        hosts = country(row["code"] for row in provinces())
        said.line(f"a sample country of {len(hosts)} machines; making 60 days of sealed reports")
        members = enrol_all(ledger, hosts, began, key)
        memory = Memory(began, began - timedelta(seconds=1), port, members)
    else:
        said.line("going on with the data of the run before")
        policy.vouch(ledger, folder, default_rulebook_bytes(), now, ACTOR)
        book = rulebooks.publish(ledger, default_rulebook_bytes(), now=now, actor=ACTOR)
    carry_on(ledger, memory, book, CLONE / "policies", key, now, said)
    return memory


def make_token(ledger: Ledger) -> Path:
    """A token for this machine, in a file that only its owner may read."""
    now = datetime.now(UTC)
    text, _ = create_token(ledger, CALLER, HERE, HERE, 1, now + timedelta(hours=1), now)
    path = FOLDER / "token"
    path.unlink(missing_ok=True)
    write_secret(path, text.encode() + b"\n")
    return path


def collector_environment(folder: Path, port: int) -> dict[str, str]:
    """Settings of the collector; signing in works over plain HTTP because it listens on loopback only."""
    return {
        "VONGGAC_STATE_DIR": str(folder),
        "VONGGAC_LISTEN": f"127.0.0.1:{port}",
        "VONGGAC_INSECURE_COOKIES": "true",
    }


def free_port() -> int:
    """The usual port if nobody has it, else any."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no port is free on 127.0.0.1")


def hold(port: int) -> socket.socket:
    """Keeps the port from others who look for one until it is closed; the collector may listen on it meanwhile.

    The agent knows its collector by this port. Ends the program if another has it.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise SystemExit(
            f"port {port} of 127.0.0.1 is taken, perhaps by another `make demo`; end that program, "
            f"or remove {FOLDER} to begin anew on another port"
        ) from None
    return held


def start(program: str, arguments: list[str], log: Path, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program of this clone in a session of its own, so that ctrl-C reaches it only through us."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(BIN / program), *arguments], env=os.environ | settings, stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip


def call(program: str, arguments: list[str], settings: dict[str, str], bad: tuple[int, ...] = (0,)) -> bytes:
    """Run a program of this clone to its end; returns what it printed."""
    done = subprocess.run(
        [str(BIN / program), *arguments],
        env=os.environ | settings,
        capture_output=True,
        check=False,
        timeout=120,
    )
    if done.returncode not in bad:
        raise RuntimeError(f"{program} {arguments[0]} ended with {done.returncode}:\n{done.stderr.decode()}")
    return done.stdout


def wait_ready(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Until the collector answers: this one, whoever else may have taken the port meanwhile."""
    for _ in range(300):
        if child.poll() is not None:
            raise RuntimeError(f"the collector ended by itself:\n{log.read_text()[-2000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200 and listens(child.pid, port):
                return
        except (OSError, psutil.NoSuchProcess):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise RuntimeError(f"the collector does not answer; see {log}")


def listens(pid: int, port: int) -> bool:
    """Whether that process does, on that port."""
    found = psutil.Process(pid).net_connections("tcp4")
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in found)


def end(children: list[subprocess.Popen[bytes]]) -> None:
    """Stop what was started, the newest first, and wait for it."""
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
    for child in reversed(children):
        try:
            child.wait(timeout=12)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


if __name__ == "__main__":
    raise SystemExit(main())
