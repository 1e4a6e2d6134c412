"""Asks the policy repository, by python-tuf's client over the agent's own link, and keeps what verified.

The client works on files in a folder of its own, which is gone afterwards: what it verified goes into one file that is
replaced whole (`policy`), so a power cut leaves the old or the new. Beside what the client checks, a version that was
signed twice with different content and one that runs far ahead are refused. Only a child imports this.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from vonggac_contract.decode import bounded_json
from vonggac_contract.enrolment import PolicyRoot
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES

from . import policy, rulebooks
from .errors import AgentError, BadAnswer, Unreachable
from .link import Transport
from .policy import Standing

METADATA: Final = "/agent/v1/policy/metadata/"
TARGETS: Final = "/agent/v1/policy/targets/"
WORK: Final = "policy-work"
"""The client's folder, in the state folder."""
MAX_METADATA_BYTES: Final = 256 * KIB
MAX_ROOTS: Final = 64
"""New roots in one round."""
MAX_STEP: Final = 10_000_000
"""How far a version may run ahead at once: versions are minutes, so this is nineteen years; whoever stole the online
key cannot burn all numbers at once. A root with another online key begins anew (specification 5.3.11)."""
DEADLINE_S: Final = 120.0
"""Of all questions together; each of them has the link's own deadline beside it."""
_CONFIG: Final = UpdaterConfig(
    max_root_rotations=MAX_ROOTS,
    max_delegations=0,
    root_max_length=MAX_METADATA_BYTES,
    timestamp_max_length=16 * KIB,
    snapshot_max_length=16 * KIB,
    targets_max_length=MAX_METADATA_BYTES,
)
_DIGEST_JSON: Final = re.compile(r"[0-9a-f]{64}\.json")
_CODES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (tuf_errors.ExpiredMetadataError, policy.EXPIRED),
    (tuf_errors.BadVersionNumberError, "policy-rollback"),
    (tuf_errors.LengthOrHashMismatchError, "policy-mixed"),
    (tuf_errors.UnsignedMetadataError, "policy-unsigned"),
    (tuf_errors.RepositoryError, "policy-malformed"),
    (Unreachable, "policy-unreachable"),
    (tuf_errors.DownloadError, "policy-unreachable"),
    (ContractError, "policy-malformed"),
    (BadAnswer, "policy-bad-answer"),
)
"""The first that fits names the trouble."""


class _Refused(Exception):
    """What this module itself refuses; begins with its code."""


def follow(
    folder: Path,
    transport: Transport,
    pin: PolicyRoot,
    wanted: str,
    *,
    now: datetime,
    floor: datetime | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Standing:
    """Bring the standing up to date, and the rulebook `wanted` in force if the targets vouch for it.

    Whatever fails is in the standing's `trouble`, and what was in force stays. `now`: what expires by then is refused,
    as by `floor`, the time that the collector signed last. Raises OSError for this machine's own disk.
    """
    before = policy.of_pin(folder, pin)
    after = msgspec.structs.replace(before, floor=floor or before.floor, checked_at=now, trouble="")
    fetcher = _Fetcher(transport, clock)
    work = folder / WORK
    _clear(work)
    work.mkdir(mode=0o700)
    try:
        try:
            after = _refreshed(after, work, fetcher, folder, wanted, now)
        finally:
            _clear(work)
    except _Ended as ended:
        after = msgspec.structs.replace(ended.standing, trouble=_trouble(ended.cause, fetcher.failed))
    policy.write(folder, after)
    rulebooks.forget_all_but(folder, after.good, wanted)
    return after


def _clear(work: Path) -> None:
    if work.is_symlink() or work.is_file():
        work.unlink()
    shutil.rmtree(work, ignore_errors=True)


class _Ended(Exception):
    """Carries what was verified before the cause."""

    def __init__(self, standing: Standing, cause: Exception) -> None:
        super().__init__(str(cause))
        self.standing = standing
        self.cause = cause


def _refreshed(
    standing: Standing, work: Path, fetcher: _Fetcher, folder: Path, wanted: str, now: datetime
) -> Standing:
    try:
        root = standing.roots[0] if standing.roots else _pinned_root(fetcher, standing.pin)
        standing = msgspec.structs.replace(standing, roots=standing.roots or (root,))
        _lay_out(standing, work)
        updater = Updater(
            str(work), METADATA, str(work), TARGETS, fetcher=fetcher, config=_CONFIG, bootstrap=root
        )
        # The client would ask the clock; the time that the collector signed is another bound, and rules that come on a
        # medium are judged by the time of the receipts beside them. It has no public way to say so (tuf 7).
        updater._trusted_set.reference_time = max(now, standing.floor or now)
        cause: Exception | None = None
        try:
            updater.refresh()
        except (tuf_errors.RepositoryError, tuf_errors.DownloadError, ContractError) as error:
            cause = error
        standing = _taken(standing, work, fetcher)
        if cause is not None:
            raise cause
        if wanted == standing.good and wanted in standing.vouched:
            return standing
        info = updater.get_targetinfo(f"{wanted}.json")
        if info is None:
            raise _Refused(
                f"policy-not-vouched: nobody vouches for rulebook {wanted[:16]}, which the collector names"
            )
        if not rulebooks.is_at_hand(folder, wanted):
            if info.length > MAX_RULEBOOK_BYTES:
                raise _Refused(f"policy-too-large: rulebook {wanted[:16]} of {info.length} bytes")
            raw = Path(updater.download_target(info, str(work / "rulebook"))).read_bytes()
            rulebooks.put(folder, wanted, raw)
        return msgspec.structs.replace(standing, good=wanted)
    except (
        tuf_errors.RepositoryError, tuf_errors.DownloadError, ContractError, _Refused, ValueError
    ) as error:  # fmt: skip
        raise _Ended(standing, error) from error


def _pinned_root(fetcher: _Fetcher, pin: PolicyRoot) -> bytes:
    raw = fetcher.download_bytes(f"{METADATA}{pin.version}.root.json", MAX_METADATA_BYTES)
    if hashlib.sha256(raw).hexdigest() != pin.digest:
        raise _Refused("policy-unsigned: the root is not the one that was pinned at enrolment")
    return raw


_ROLES: Final = ("timestamp", "snapshot", "targets")


def _lay_out(standing: Standing, work: Path) -> None:
    """What is known, as the client keeps it."""
    history = work / "root_history"
    history.mkdir()
    for version, raw in enumerate(standing.roots, standing.pin.version):
        (history / f"{version}.root.json").write_bytes(raw)
    for role, raw in _held(standing).items():
        if raw:
            (work / f"{role}.json").write_bytes(raw)


def _held(standing: Standing) -> dict[str, bytes]:
    return dict(zip(_ROLES, (standing.timestamp, standing.snapshot, standing.targets), strict=True))


def _taken(standing: Standing, work: Path, fetcher: _Fetcher) -> Standing:
    """The standing with what the client verified. Raises _Ended, with the roots taken, for what it lets through."""
    roots = list(standing.roots)
    while (path := work / "root_history" / f"{standing.pin.version + len(roots)}.root.json").exists():
        roots.append(path.read_bytes())
    root = Metadata[Root].from_bytes(roots[-1]).signed
    standing = msgspec.structs.replace(standing, roots=tuple(roots))
    held = _held(standing)
    found = {r: (work / f"{r}.json").read_bytes() for r in _ROLES if (work / f"{r}.json").exists()}
    try:
        for role, raw in (*found.items(), *(("timestamp", raw) for raw in fetcher.timestamps)):
            _compare(root, role, held[role], raw)
    except _Refused as error:
        raise _Ended(standing, error) from error
    standing = msgspec.structs.replace(standing, **found)
    if len(found) < len(_ROLES):
        return standing
    signed: list[Root | Timestamp | Snapshot | Targets] = [
        root,
        *(Metadata[Any].from_bytes(raw).signed for raw in found.values()),
    ]
    named = Metadata[Targets].from_bytes(found["targets"]).signed.targets
    return msgspec.structs.replace(
        standing,
        expires=min(s.expires for s in signed),
        vouched=tuple(sorted(n.removesuffix(".json") for n in named if _DIGEST_JSON.fullmatch(n))),
    )


def _compare(root: Root, role: str, before: bytes, after: bytes) -> None:
    """One version is signed once, and none runs far ahead. Raises _Refused."""
    if not before or before == after:
        return
    try:
        old, new = (Metadata[Any].from_bytes(raw) for raw in (before, after))
    except tuf_errors.RepositoryError:
        return  # the client has refused it
    if not all(root.get_verification_result(role, m.signed_bytes, m.signatures) for m in (old, new)):
        return  # its key was taken away, so all begins anew; or nobody signed what was served
    if old.signed.version == new.signed.version and old.signed_bytes != new.signed_bytes:
        raise _Refused(
            f"policy-equivocation: {role} version {old.signed.version} was signed twice, with different content"
        )
    if new.signed.version - old.signed.version > MAX_STEP:
        versions = f"from version {old.signed.version} to {new.signed.version}"
        raise _Refused(f"policy-fast-forward: {role} went {versions} at once")


def _trouble(cause: Exception, failed: Exception | None) -> str:
    """One line that begins with a code. `failed`: why the last question had no answer."""
    if isinstance(cause, _Refused):
        return str(cause)
    if isinstance(cause, tuf_errors.DownloadError) and failed is not None:
        cause = failed
    code = next((code for kind, code in _CODES if isinstance(cause, kind)), "policy-malformed")
    return f"{code}: {' '.join(str(cause).split())[:300]}"


class _Fetcher(FetcherInterface):
    """The client's questions over the agent's link: its TLS, its bounds, no redirect; all within one deadline.

    `timestamps`: those that were served; the client drops one whose version it has. `failed`: why the last question
    had no answer.
    """

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._until = clock() + DEADLINE_S
        self._limit = 0
        self.failed: Exception | None = None
        self.timestamps: list[bytes] = []

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """See FetcherInterface; the limit goes to the link, so that no more is ever read.

        In memory: the service can write in its state folder alone, and the library's own way is a file in /tmp.
        """
        self._limit = max_length
        with io.BytesIO(b"".join(self.fetch(url))) as file:
            yield file

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.failed = None
        try:
            if self._clock() >= self._until:
                raise Unreachable("no whole answer within {seconds:g} s", seconds=DEADLINE_S)
            answer = self._transport.ask("GET", url, limit=self._limit)
            if answer.status != 200:
                raise tuf_errors.DownloadHTTPError(f"{url}: {answer.status}", answer.status)
            if url.startswith(METADATA):
                bounded_json(answer.body, maximum=MAX_METADATA_BYTES)
        except (AgentError, ContractError, tuf_errors.DownloadHTTPError) as error:
            self.failed = error
            raise
        if url == f"{METADATA}timestamp.json":
            self.timestamps.append(answer.body)
        return iter([answer.body])
