"""An Elasticsearch server for tests: its own build without optional modules, from Maven, in a folder of its own.

VONGGAC_TEST_ELASTICSEARCH_URL names a running server to use instead; tests that stop or configure it are skipped then.
What has to work without modules works on every licence; what the real server would add is not used.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from tests.services.ports import free_port
from tests.services.session import for_session

GIVEN: Final = "VONGGAC_TEST_ELASTICSEARCH_URL"
VERSION: Final = "8.19.5"
_ARTEFACT: Final = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_PLACE: Final = (
    f"org/elasticsearch/distribution/integ-test-zip/elasticsearch/{VERSION}/elasticsearch-{VERSION}.zip"
)
_SHA256: Final = "5d3a8f63f66d828a24d29f88819bf2c6e695d124c470da3ab92a5d6cc1397785"
_REPOSITORIES: Final = (Path.home() / ".m2/repository", Path.home() / ".cache/vonggac/maven")
_MISSING: Final = (
    f"there is no Elasticsearch for tests; set {GIVEN}, or: apt-get install maven default-jre-headless, "
    f"and let Maven reach a repository that has {_ARTEFACT}"
)
_START_S: Final = 180.0
_CONFIG: Final = """
discovery.type: single-node
network.host: 127.0.0.1
path.data: {folder}/data
path.logs: {folder}/logs
cluster.routing.allocation.disk.threshold_enabled: false
"""


class Server:
    """A server by its URL, and names on it that no other test uses."""

    def __init__(self, url: str, owned: OwnServer | None = None) -> None:
        self.url = url
        self._owned = owned
        self._numbers = itertools.count(1)

    @property
    def owned(self) -> OwnServer:
        """The server as one that may be stopped and configured; skips the test if it is not ours."""
        if self._owned is None:
            pytest.skip(f"the server of {GIVEN} is not stopped by tests")
        return self._owned

    @contextmanager
    def prefix(self) -> Iterator[str]:
        """A prefix of names; what was made under it is removed in the end."""
        name = f"vonggac-test-{os.getpid()}-{next(self._numbers)}"
        try:
            yield name
        finally:
            self.ask("DELETE", f"/_index_template/{name}-*")
            found = self.ask("GET", f"/_cat/indices/{name}-*?format=json&h=index")
            for row in found if isinstance(found, list) else []:
                self.ask("DELETE", f"/{row['index']}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What an administrator asks of it, past the collector; gives the answer whatever its status."""
        return httpx.request(method, self.url + path, json=body, timeout=30, trust_env=False).json()

    def documents(self, name: str) -> dict[str, dict[str, Any]]:
        """Every document of the indices or alias of that name as it is stored, by id."""
        self.ask("POST", f"/{name}/_refresh")
        opened = self.ask("POST", f"/{name}/_pit?keep_alive=1m")["id"]
        body: dict[str, Any] = {"size": 5_000, "sort": ["_shard_doc"], "pit": {"id": opened}}
        found: dict[str, dict[str, Any]] = {}
        while hits := self.ask("POST", "/_search", body)["hits"]["hits"]:
            found |= {h["_id"]: h["_source"] for h in hits}
            body["search_after"] = hits[-1]["sort"]
        self.ask("DELETE", "/_pit", {"id": opened})
        return found


class OwnServer:
    """The server's process and folder. `settings` are those of elasticsearch.yml."""

    def __init__(
        self, package: Path, folder: Path, settings: Mapping[str, str], java: str = "-Xms512m -Xmx512m"
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self._java = java
        # The server refuses to run as root.
        self._account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self._process: subprocess.Popen[bytes] | None = None
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        self.home = folder / f"elasticsearch-{VERSION}"
        (folder / "temporary").mkdir()
        ports = {"http.port": str(self.port), "transport.port": str(free_port())}
        lines = [f"{name}: {value}\n" for name, value in {**ports, **settings}.items()]
        (self.home / "config/elasticsearch.yml").write_text(_CONFIG.format(folder=folder) + "".join(lines))
        for program in (self.home / "bin").iterdir():
            program.chmod(0o755)
        self.give()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self._process is None else self._process.pid

    def give(self) -> None:
        """Everything in the folder belongs to the account that the server runs as."""
        if os.getuid() == 0:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def run(self, program: str, *arguments: str, told: bytes = b"") -> None:
        """Run one of its programs."""
        done = subprocess.run(
            [self.home / "bin" / program, *arguments],
            input=told,
            timeout=60,
            check=False,
            capture_output=True,
            **self._how(),
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def start(self, ready: Callable[[], bool] | None = None) -> None:
        """Start; returns when it answers."""
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [self.home / "bin/elasticsearch"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._how(),
            )
        until = time.monotonic() + _START_S
        while not (ready or self.answers)():
            assert self._process.poll() is None, self.last_words()
            assert time.monotonic() < until, self.last_words()
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            url = f"http://127.0.0.1:{self.port}/_cluster/health?wait_for_status=yellow&timeout=5s"
            return httpx.get(url, timeout=10, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it, by default at once and without a word."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._process.wait(30)
            self._process = None

    def revive(self) -> None:
        """As systemd would: start it if it ended, and wait until it answers."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()
        until = time.monotonic() + _START_S
        while not self.answers():
            assert time.monotonic() < until, self.last_words()
            time.sleep(0.2)

    def last_words(self) -> str:
        """What it said in the end."""
        return (self.folder / "said").read_text(errors="replace")[-3_000:]

    def _how(self) -> dict[str, Any]:
        home = Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1]
        account = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        return {
            "cwd": self.folder,
            "env": {
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "ES_JAVA_HOME": str(home),
                "ES_JAVA_OPTS": self._java,
                "ES_TMPDIR": str(self.folder / "temporary"),
            },
            **(account if os.getuid() == 0 else {}),
        }


def package() -> Path:
    """The server's archive, fetched by Maven if it is not there. FileNotFoundError if it cannot be had."""
    if shutil.which("java") is None:
        raise FileNotFoundError(_MISSING)
    found = next((r / _PLACE for r in _REPOSITORIES if (r / _PLACE).is_file()), None)
    if found is None:
        found = _REPOSITORIES[-1] / _PLACE
        _fetch()
    if not found.is_file() or hashlib.sha256(found.read_bytes()).hexdigest() != _SHA256:
        raise FileNotFoundError(_MISSING)
    return found


def _fetch() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise FileNotFoundError(_MISSING)
    where = f"-Dmaven.repo.local={_REPOSITORIES[-1]}"
    goal = ("dependency:get", "-Dtransitive=false", f"-Dartifact={_ARTEFACT}")
    subprocess.run([maven, "-q", "-B", where, *goal], timeout=300, check=False, stdin=subprocess.DEVNULL)


@contextmanager
def own_server(
    settings: Mapping[str, str], prepare: Callable[[OwnServer], None] | None = None, **more: str
) -> Iterator[OwnServer]:
    """A server of our own, not started. FileNotFoundError if there is none."""
    archive = package()
    # Not pytest's temporary folder: that is closed to the account that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="vonggac-elasticsearch-"))
    try:
        server = OwnServer(archive, folder, settings, **more)
        if prepare is not None:
            prepare(server)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def running() -> Iterator[Server]:
    """A server for the block, without security. FileNotFoundError if there is none."""
    given = os.environ.get(GIVEN, "")
    if given:
        yield Server(given.rstrip("/"))
        return
    with own_server({"xpack.security.enabled": "false"}) as own:
        own.start()
        yield Server(f"http://127.0.0.1:{own.port}", own)


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[Server]:
    """The session's server."""
    yield from for_session(running)
