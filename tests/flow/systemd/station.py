"""A booted machine with the agent installed, enrolled with a real collector that only this machine can reach.

The collector runs from this environment, shares the machine's network and nothing else; what it holds is read from its
ledger and verified here with the public key it has of the agent.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.flow.systemd.booted import Booted, Failed, wait_until
from tests.flow.systemd.product import AGENT

from vonggac_collector.ingest.projection import unpack_raw
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_contract.envelope import envelope_from_bytes, verify
from vonggac_contract.report import Statement, statement_from_envelope

COLLECTOR = Path(sys.executable).with_name("vonggac-collector")
LISTEN = "127.0.0.1:8440"
UNIT = "vonggac-agent.service"
STATE = "/var/lib/vonggac-agent"
SETTINGS = "start_spread_s: 0\ninterval_s: 86400\n"
"""One look at the start; the next when a test asks for it."""
SSHD = "PermitRootLogin no\nMaxAuthTries 3\nX11Forwarding no\nLoginGraceTime 45\n"
"""Nothing of this is as the distribution has it."""
ASK_READY = f"import urllib.request; urllib.request.urlopen('http://{LISTEN}/readyz', timeout=5)"


class Link(NamedTuple):
    """A report the collector committed: the digest of its envelope, and what it signs."""

    digest: str
    statement: Statement


def accounts(link: Link) -> list[str]:
    """The names of the accounts that a report tells of; empty if it says that they are as in the report before."""
    content = link.statement.report.sections["accounts"].content or {"accounts": []}
    return [account["name"] for account in content["accounts"]]


class Collector:
    """A collector with one agency and one system of level 3. `folder`: its state folder, not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "VONGGAC_STATE_DIR": str(folder),
            "VONGGAC_LISTEN": LISTEN,
        }
        self.command("init", "--password-file", str(folder.with_name("administrator")))
        self.command("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế", "--name-en", "Health")
        self.command(
            "system", "add", "--id", "hsyt", "--unit", "so-y-te", "--level", "3", "--name-vi", "Hồ sơ"
        )

        self._ledger = open_ledger(f"sqlite:///{folder}/ledger.db")

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    def command(self, *words: str) -> str:
        """Run `vonggac-collector` and return what it said. Raises Failed if it leaves with another status than 0."""
        done = subprocess.run(
            [COLLECTOR, *words], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise Failed(
                f"vonggac-collector {words[0]} left with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def token(self) -> str:
        """A token for one machine of the system."""
        made = json.loads(
            self.command("token", "create", "--agency", "so-y-te", "--system", "hsyt", "--json")
        )
        return str(made["token"])

    @contextmanager
    def serving(self, machine: Booted) -> Iterator[None]:
        """Serve agents inside the machine's network."""
        log = self.folder.with_name("collector.log")
        serves = machine.beside(COLLECTOR, "serve", "--no-pages", environment=self.environment, log=log)
        try:
            wait_until(
                lambda: machine.run("python3", "-c", ASK_READY, check=False).returncode == 0 or serves.poll(),
                seconds=30,
            )
            assert serves.poll() is None, log.read_text()[-4000:]
            yield
        finally:
            serves.send_signal(signal.SIGTERM)
            try:
                serves.wait(20)
            finally:
                serves.kill()

    def chain(self) -> list[Link]:
        """What the only agent has reported, in order. Every signature and every link to the one before is checked."""
        with self._ledger.read() as tx:
            (agent,) = tx.agents.all()
            keys = tx.agents.keys(agent.id)
            rows = tx.chain.walk(agent.id, (0, 0), 1000)
        links: list[Link] = []
        for row in rows:
            envelope = envelope_from_bytes(unpack_raw(row.raw))
            verify(envelope, keys[row.keyid])
            statement = statement_from_envelope(envelope)
            assert row.state == "committed", row
            assert statement.agent_id == agent.id
            assert statement.sequence == len(links) + 1
            assert statement.previous == (links[-1].digest if links else None)
            links.append(Link(envelope.digest, statement))
        return links


class Station:
    """The machine and its collector."""

    def __init__(self, machine: Booted, collector: Collector) -> None:
        self.machine = machine
        self.collector = collector

    def enrol(self) -> None:
        """With a token from a file that only root can read."""
        self.machine.run("mkdir", "-p", "/etc/vonggac", f"/run/systemd/system/{UNIT}.d")
        self.machine.write(f"/run/systemd/system/{UNIT}.d/test.conf", "[Service]\nRestartSec=0.2\n")
        self.machine.write("/etc/vonggac/agent.yaml", SETTINGS)
        self.machine.write("/root/token", self.collector.token() + "\n", mode="0600")
        address = f"http://{LISTEN}"
        self.machine.run(AGENT, "enrol", "--collector", address, "--token-file", "/root/token")

    def install(self) -> None:
        """Install the service and wait until what it sees at its start was received."""
        self.machine.run(AGENT, "service", "install")
        wait_until(self.is_reported, seconds=30)

    def is_at_work(self) -> bool:
        """Whether systemd says that the service is active."""
        return self.machine.properties(UNIT, "ActiveState") == {"ActiveState": "active"}

    def is_reported(self) -> bool:
        """Whether a look was made since the service was last started, and all that was sealed was received."""
        if not self.machine.properties(UNIT, "StatusText")["StatusText"].startswith("ship ended"):
            return False
        return bool(self.status()["spool"]["unsent"] == 0)

    def look_again(self) -> None:
        """Tell the service to look now."""
        self.machine.run("systemctl", "reload", UNIT)

    def add_account(self) -> str:
        """Change something that the next look finds. Returns the account's name."""
        name = f"nguoi-{secrets.token_hex(3)}"
        self.machine.run("useradd", name)
        return name

    def wait_for_account(self, name: str) -> Link:
        """The newest report, as soon as it tells of this account."""
        wait_until(lambda: name in accounts(self.collector.chain()[-1]), seconds=30)
        return self.collector.chain()[-1]

    def status(self) -> dict[str, Any]:
        """`vonggac-agent status --json`."""
        told: dict[str, Any] = json.loads(self.machine.run(AGENT, "status", "--json").stdout)
        return told

    def supervisor(self) -> int:
        """The service's main process, by its number on this machine."""
        (found,) = [
            pid for pid in children(self.machine.pid) if b"vonggac_agent.supervisor" in seen_of(pid).argv
        ]
        return found

    def agents_processes(self) -> list[str]:
        """Everything that runs from the agent's installation, as `ps` has it."""
        lines = self.machine.run("ps", "-e", "-o", "pid=,args=").stdout.splitlines()
        return [line for line in lines if "vonggac_agent" in line]


class Seen(NamedTuple):
    """A process as the kernel shows it (proc(5)): soft limits by name, control group, lines of `status` by name."""

    argv: bytes
    nice: int
    limits: dict[str, str]
    group: str
    status: dict[str, str]


def seen_of(pid: int) -> Seen:
    """Look at a process of this machine. Raises FileNotFoundError or ProcessLookupError if it has ended."""
    proc = Path("/proc", str(pid))
    limits = [re.split(r"\s{2,}", line) for line in (proc / "limits").read_text().splitlines()[1:]]
    group = next(line for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::"))
    status = (line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    return Seen(
        argv=(proc / "cmdline").read_bytes(),
        # What stands before the last bracket may hold spaces; nice is field 19, and 3 is the first after it.
        nice=int((proc / "stat").read_text().rpartition(")")[2].split()[16]),
        limits={row[0]: row[1] for row in limits},
        group=group,
        status={pair[0]: pair[-1].strip() for pair in status},
    )


def children(pid: int) -> Sequence[int]:
    """The processes that `pid` started and that are still there (proc(5))."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def child_of(pid: int, *, seconds: float = 20) -> int:
    """The first process that `pid` starts from now on, caught at once."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for child in children(pid):
            return child
        time.sleep(0.001)
    raise AssertionError(f"process {pid} started no child within {seconds:.0f} s")


@contextmanager
def station(layers: Sequence[Path], folder: Path) -> Iterator[Station]:
    """Boot the machine and serve the collector. `folder`: empty, for what is kept on this side."""
    with (
        closing(Collector(folder / "collector")) as collector,
        Booted(layers) as machine,
        collector.serving(machine),
    ):
        machine.write("/etc/ssh/sshd_config.d/test.conf", SSHD)
        yield Station(machine, collector)
