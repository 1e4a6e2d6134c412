"""Finished ledgers with their index, kept between runs; every run works on a copy, so that all begin alike.

A ledger is kept under the schema's revision, the index's, and the text of what makes it. Servers run on a folder in
/tmp that their account reaches; what is kept is only moved and copied.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.services import elasticsearch, postgres

from vonggac_collector.index import schema
from vonggac_collector.ledger.sql import migrate
from vonggac_collector.settings import Settings

from .options import Options, Store

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache", "vonggac/scale")
_HERE: Final = Path(__file__).parent
_MAKERS: Final = (
    *(_HERE / f"{name}.py" for name in ("country", "fleet", "making")),
    *(_HERE.parents[1] / "load" / f"{name}.py" for name in ("agents", "bodies", "variety")),
)
_DATABASE: Final = "vonggac"
_POSTGRES: Final = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}
"""Beside the distribution's defaults; what an administrator would give a server of this size."""
_JAVA: Final = "-Xms1g -Xmx1g"
_MADE: Final = "made.json"


class Made(msgspec.Struct, frozen=True):
    """How the ledger was made. Bytes are those right after; `rebuild_s`: the index from the ledger."""

    hosts: int
    units: int
    systems: int
    reports: int
    took_s: float
    cpu_s: float
    rebuild_s: float
    documents: int
    ledger_bytes: int
    index_bytes: int


class Place(msgspec.Struct):
    """A collector's state folder, its ledger and the servers beside it, as far as there are any."""

    store: Store
    hosts: int
    reports: Path
    state: Path
    url: str
    server: postgres.OwnServer | None = None
    search: elasticsearch.OwnServer | None = None
    made: Made | None = None

    @property
    def elasticsearch_url(self) -> str:
        """Empty for the embedded index."""
        return "" if self.search is None else f"http://127.0.0.1:{self.search.port}"

    @property
    def settings(self) -> Settings:
        """As the collector has them."""
        given: dict[str, Any] = {
            "state_dir": self.state,
            "database_url": self.url,
            "elasticsearch_url": self.elasticsearch_url,
        }
        return Settings(**given)

    @property
    def environment(self) -> dict[str, str]:
        """The same for its processes."""
        return {
            "VONGGAC_STATE_DIR": str(self.state),
            "VONGGAC_DATABASE_URL": self.url,
            "VONGGAC_ELASTICSEARCH_URL": self.elasticsearch_url,
        }

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """One statement on PostgreSQL, outside a transaction."""
        assert self.server is not None
        return postgres.Server(self.server.admin, self.server).run(statement, _DATABASE)


@contextlib.contextmanager
def opened(store: Store, hosts: int, chosen: Options) -> Iterator[Place]:
    """A copy of the kept ledger with its servers running; made first, if there is none."""
    from .making import make

    folder = CACHE / digest_of(chosen)
    kept = folder / f"{hosts}-{store.lower().replace(' ', '-')}"
    if chosen.fresh or not (kept / _MADE).is_file():
        subprocess.run(["rm", "-rf", kept], check=True)
        with _running(store, hosts, folder, None) as place:
            made = make(place, chosen)
            _keep(place, kept, made)
    with _running(store, hosts, folder, kept) as place:
        place.made = msgspec.json.decode((kept / _MADE).read_bytes(), type=Made)
        yield place


def digest_of(chosen: Options) -> str:
    """Names what makes a ledger be what it is."""
    found = hashlib.sha256(msgspec.json.encode([migrate.head(), schema.DIGEST, chosen.packages]))
    for path in _MAKERS:
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


@contextlib.contextmanager
def _running(store: Store, hosts: int, reports: Path, kept: Path | None) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="vonggac-scale-") as name, contextlib.ExitStack() as open_:
        folder = Path(name)
        folder.chmod(0o755)
        state = folder / "state"
        if kept is not None:
            copy(kept / "state", state)
        place = Place(store, hosts, reports, state, f"sqlite:///{state}/ledger.db")
        if store != "SQLite":
            place.server = open_.enter_context(_postgres(folder / "postgresql", kept))
            place.url = place.server.admin.set(database=_DATABASE).render_as_string(hide_password=False)
        if store == "PostgreSQL":
            place.search = open_.enter_context(_elasticsearch(kept))
        yield place


@contextlib.contextmanager
def _postgres(folder: Path, kept: Path | None) -> Iterator[postgres.OwnServer]:
    programs = postgres.programs()
    assert programs is not None
    folder.mkdir()
    own = postgres.OwnServer(programs, folder)
    if kept is None:
        own.initialise()
    else:
        copy(kept / "postgresql", own.data)
        shutil.chown(folder, own.data.owner(), own.data.group())
    # What is said last holds: a copy has another folder and port than the server that made it.
    more = {"port": str(own.port), "unix_socket_directories": str(folder), **_POSTGRES}
    with (own.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in more.items())
    own.start()
    try:
        if kept is None:
            postgres.Server(own.admin, own).run(f"CREATE DATABASE {_DATABASE}")
        yield own
    finally:
        if (own.data / "postmaster.pid").exists():
            own.stop()


@contextlib.contextmanager
def _elasticsearch(kept: Path | None) -> Iterator[elasticsearch.OwnServer]:
    def put(server: elasticsearch.OwnServer) -> None:
        if kept is not None:
            copy(kept / "elasticsearch", server.folder / "data")
            server.give()

    with elasticsearch.own_server({"xpack.security.enabled": "false"}, put, java=_JAVA) as own:
        own.start()
        yield own


def _keep(place: Place, kept: Path, made: Made) -> None:
    """End the servers and put everything where the next run finds it."""
    new = kept.with_suffix(".new")
    subprocess.run(["rm", "-rf", new], check=True)
    new.mkdir(parents=True)
    folders = {"state": place.state}
    if place.server is not None:
        # Stopping writes down what is in memory, and is not waited for so long.
        place.run("CHECKPOINT")
        place.server.stop()
        folders["postgresql"] = place.server.data
    if place.search is not None:
        place.search.stop(signal.SIGTERM)
        folders["elasticsearch"] = place.search.folder / "data"
    for name, folder in folders.items():
        copy(folder, new / name)
    (new / _MADE).write_bytes(msgspec.json.encode(made))
    new.rename(kept)


def copy(source: Path, target: Path) -> None:
    """The whole folder, owners and holes included."""
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)
