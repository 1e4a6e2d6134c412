"""The policy repository that this collector serves (adr/0017): what people signed is checked before it is kept, what is
the collector's own to sign is signed again in time.

The metadata is in the ledger, so that every process serves the same; the online key is in the state folder, beside the
collector's own, with the digests of the roots that were accepted (`policy_roots`): a ledger that has others is not
followed. What metadata says and how it is signed is `vonggac_rules.repository`'s.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from vonggac_contract.enrolment import PolicyRoot
from vonggac_rules import repository
from vonggac_rules.errors import BadRepository
from vonggac_rules.repository import Offline

from . import audit, policy_roots
from .background import OnDuty
from .errors import Busy, Invalid, SettingsError, StoreFailed
from .ledger.interface import Duty, Ledger, Transaction
from .ledger.rows import AuditRow
from .policy_roots import ForeignPolicy
from .rulebooks import trial_of, unpacked
from .state import load_key, make_key

ONLINE_KEY: Final = "policy-online.key"
NEXT_KEY: Final = "policy-online-next.key"
"""The one that is to follow, until a root names it."""
ROOT_KEY: Final = "policy-root.key"
TARGETS_KEY: Final = "policy-targets.key"
"""The last two are here only where nobody held a ceremony: `init` makes them (docs/policy.md)."""
IMPORTED: Final = "policy-imported"
"""The action in the audit log; its subject is the version of the targets."""
_SAID: Final = re.compile(r"root (\d+)(?: \(roots ([0-9a-f]{64}), targets ([0-9a-f]{64})\))?, rulebooks .*")
"""Earlier releases say no digests."""
NAME: Final = re.compile(r"[1-9]\d{0,8}\.(?:root|targets|snapshot)\.json|timestamp\.json")
_OFFLINE: Final = re.compile(r"([1-9]\d{0,8})\.(root|targets)\.json")
_KEPT_SNAPSHOTS: Final = 4
_RENEW: Final = timedelta(days=60)
"""Before they expire, root and targets are signed again where their keys are here."""
_EVERY_S: Final = 600.0
_LOG: Final = structlog.get_logger("vonggac.policy")


def begin(ledger: Ledger, folder: Path, now: datetime, actor: str) -> bool:
    """Make a repository with keys in the state folder, unless there is one; says whether it was made.

    It vouches for the rulebooks published so far. Raises ForeignPolicy, SettingsError, Busy, StoreFailed.
    """
    with ledger.write() as tx:
        if _held(tx, folder):
            return False
        online = make_key(folder, ONLINE_KEY)
        root_key, targets_key = (make_key(folder, name) for name in (ROOT_KEY, TARGETS_KEY))
        root = repository.first_root(
            [repository.key_of(root_key.public_key())], 1, [repository.key_of(targets_key.public_key())], 1,
            repository.key_of(online.public_key()), _later(now, repository.ROOT_LASTS),
        )  # fmt: skip
        repository.sign(root, root_key)
        targets = Metadata(Targets(expires=_later(now, repository.TARGETS_LASTS)))
        for digest, _ in tx.rulebooks.published(now):
            row = tx.rulebooks.get(digest)
            if row is not None:
                repository.vouch_for(targets.signed, unpacked(row))
        repository.sign(targets, targets_key)
        made = {"1.root.json": repository.to_bytes(root), "1.targets.json": repository.to_bytes(targets)}
        _keep(tx, made, online, now, actor)
    policy_roots.note(folder, repository.roots_of(made))
    return True


def _held(tx: Transaction, folder: Path) -> dict[str, bytes]:
    """What is served, which nobody else changes meanwhile. Raises ForeignPolicy, SettingsError."""
    tx.policy.hold()
    held = tx.policy.all()
    policy_roots.check(policy_roots.accepted(folder), repository.roots_of(held))
    return held


def take(
    ledger: Ledger,
    folder: Path,
    files: Mapping[str, bytes],
    now: datetime,
    actor: str,
    *,
    anew: bool = False,
) -> Offline:
    """Serve what people signed from now on: root and targets by name, from the first root on; other names are left out.
    `folder`: that of the online key; the next one takes its place if the root names it. What the ledger has that does
    not lead to the roots accepted before goes. `anew`: whatever was served or accepted before.

    Raises BadRepository, TooLarge, Malformed for what does not verify, is over or goes back; ForeignPolicy for roots
    that do not go on from those accepted; Invalid if the rulebook in force, or one that is tried, loses its voucher.
    """
    offline, roots = offline_of(files, now), repository.roots_of(files)
    known = [] if anew else policy_roots.accepted(folder)
    online, follows = make_key(folder, ONLINE_KEY), False
    if (folder / NEXT_KEY).exists():
        after = load_key(folder, NEXT_KEY)
        follows = repository.key_of(after.public_key()).keyid in offline.root.roles["timestamp"].keyids
        online = after if follows else online
    with ledger.write() as tx:
        tx.policy.hold()
        held = tx.policy.all()
        if anew or policy_roots.foreign(known, repository.roots_of(held)):
            for name in held:
                tx.policy.drop(name)
            held = {}
        for name, raw in held.items():
            if _OFFLINE.fullmatch(name) and files.get(name, raw) != raw:
                raise BadRepository(f"{name} is served with other content: it was signed twice")
        if held:
            served = repository.roots_of(held)
            if served != roots[: len(served)]:
                raise BadRepository("roots that are served already are missing")
            if (version := repository.newest_targets(held)[0]) > offline.targets.version:
                raise BadRepository(f"version {version} of the targets is served already")
        policy_roots.check(known, roots)
        in_force = next((digest for digest, _ in reversed(tx.rulebooks.published(now))), None)
        if in_force is not None and in_force not in repository.digests_of(offline.targets):
            raise Invalid(f"targets: they do not vouch for the rulebook in force, {in_force}")
        trial = trial_of(tx, now)
        if trial is not None and trial.rulebook not in repository.digests_of(offline.targets):
            raise Invalid(
                f"targets: they do not vouch for the rulebook that is tried, {trial.rulebook}; end the trial first: "
                "vonggac-collector rulebook end-trial"
            )
        _keep(tx, {n: raw for n, raw in files.items() if _OFFLINE.fullmatch(n)}, online, now, actor)
    if follows:
        os.replace(folder / NEXT_KEY, folder / ONLINE_KEY)
    policy_roots.note(folder, roots)
    return offline


def vouch(ledger: Ledger, folder: Path, rulebook: bytes, now: datetime, actor: str) -> bool:
    """Sign targets that vouch for the rulebook as well, where the key is in the state folder; says whether they now do.

    True as well without a repository, whose word nobody asks for. Raises ContractError for bytes that are no rulebook,
    ForeignPolicy.
    """
    with ledger.write() as tx:
        held = _held(tx, folder)
        if repository.vouches(held, hashlib.sha256(rulebook).hexdigest()):
            return True
        key = _own_key(folder, TARGETS_KEY, held, "targets")
        if key is None:
            return False
        draft = repository.following(
            repository.read(repository.newest_targets(held)[1], Targets),
            _later(now, repository.TARGETS_LASTS),
        )
        repository.vouch_for(draft.signed, rulebook)
        _keep(tx, _signed(draft, key, now), load_key(folder, ONLINE_KEY), now, actor)
    return True


def renew(ledger: Ledger, folder: Path, now: datetime, *, again: bool = False) -> None:
    """Sign what is due. `again`: whatever is not people's to sign, because machines know newer versions than the ledger
    does (a backup was brought back).

    Raises BadRepository if people have to sign first, ForeignPolicy, SettingsError, Busy, StoreFailed.
    """
    online = load_key(folder, ONLINE_KEY)
    with ledger.write() as tx:
        held = _held(tx, folder)
        if not held:
            return
        own: tuple[tuple[str, bytes, type[Any], timedelta], ...] = (
            (ROOT_KEY, repository.roots_of(held)[-1], Root, repository.ROOT_LASTS),
            (TARGETS_KEY, repository.newest_targets(held)[1], Targets, repository.TARGETS_LASTS),
        )
        signed: dict[
            str, bytes
        ] = {}  # kept together: after years both are over, and neither holds without the other
        for name, raw, kind, lasts in own:
            metadata = repository.read(raw, kind)
            key = _own_key(folder, name, held, kind.type)
            due = metadata.signed.expires - now < _RENEW or (again and kind is Targets)
            if key is not None and due:
                signed |= _signed(repository.following(metadata, _later(now, lasts)), key, now)
        _keep(tx, signed, online, now, "the collector", again=again)
        roots = repository.roots_of(tx.policy.all())
    policy_roots.note(folder, roots)


def _own_key(folder: Path, name: str, held: Mapping[str, bytes], role: str) -> Ed25519PrivateKey | None:
    """A key in the state folder, if it is enough to sign for that role."""
    if not (folder / name).exists():
        return None
    key = load_key(folder, name)
    by = repository.read(repository.roots_of(held)[-1], Root).signed.roles[role]
    return key if by.threshold == 1 and repository.key_of(key.public_key()).keyid in by.keyids else None


def _signed(draft: Metadata[Any], key: Ed25519PrivateKey, now: datetime) -> dict[str, bytes]:
    """The draft by its name, signed with a key of this machine."""
    if isinstance(draft.signed, Targets):  # roots are counted one by one (specification 5.3.5)
        draft.signed.version = repository.version_after(draft.signed.version - 1, now)
    repository.sign(draft, key)
    return {f"{draft.signed.version}.{draft.signed.type}.json": repository.to_bytes(draft)}


def _keep(
    tx: Transaction,
    files: Mapping[str, bytes],
    online: Ed25519PrivateKey,
    now: datetime,
    actor: str,
    *,
    again: bool = False,
) -> None:
    """Keep what people signed, with what follows from it. Raises BadRepository if it does not verify."""
    held = {**tx.policy.all(), **files}
    offline = offline_of(held, now)
    made = {**files, **repository.sign_online(offline, held, online, now, again=again)}
    for name, raw in made.items():
        tx.policy.put(name, raw)
    snapshots = sorted(
        (n for n in {**held, **made} if ".snapshot." in n), key=lambda n: int(n.partition(".")[0])
    )
    for name in snapshots[:-_KEPT_SNAPSHOTS]:
        tx.policy.drop(name)
    if files:
        digests = f"roots {policy_roots.digest_of(repository.roots_of(held))}, targets {_sha256(offline.targets_raw)}"
        books = " ".join(repository.digests_of(offline.targets))
        said = f"root {offline.root.version} ({digests}), rulebooks {books}"
        audit.record(tx, now, actor, IMPORTED, f"targets {offline.targets.version}", said)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def odd_policy(tx: Transaction, newest: AuditRow | None) -> str:
    """What is wrong with the roots and targets of the ledger; "" if nothing is.

    `newest`: the row `IMPORTED` that is it, None if there is none.
    """
    held = tx.policy.all()
    if newest is None:
        return "was put there by no row of the audit log" if held else ""
    roots = repository.roots_of(held)
    try:
        version, targets = repository.newest_targets(held)
    except BadRepository:
        return "is not there, the audit log says that it was imported"
    said = _SAID.fullmatch(newest.detail)
    here = (str(len(roots)), policy_roots.digest_of(roots), _sha256(targets))
    wanted = () if said is None else (said[1], said[2] or here[1], said[3] or here[2])
    if here != wanted or newest.subject != f"targets {version}":
        return f"is not what was imported at {newest.at.isoformat()}, says the audit log"
    return ""


def offline_of(files: Mapping[str, bytes], now: datetime) -> Offline:
    """What people signed, verified. Raises BadRepository, TooLarge, Malformed."""
    return repository.checked_offline(repository.roots_of(files), repository.newest_targets(files)[1], now)


def pin(tx: Transaction, folder: Path | None) -> PolicyRoot | None:
    """Where a machine that is enrolled now begins to trust; None without a repository.

    `folder`: whose file says which roots were accepted. Raises ForeignPolicy, SettingsError.
    """
    roots = policy_roots.roots_in(tx, folder)
    return PolicyRoot(len(roots), hashlib.sha256(roots[-1]).hexdigest()) if roots else None


def own_keys(folder: Path) -> list[str]:
    """Names of the keys in the state folder that people should hold instead."""
    return [name for name in (ROOT_KEY, TARGETS_KEY) if (folder / name).exists()]


def expiries(files: Mapping[str, bytes]) -> dict[str, datetime]:
    """When root, targets and timestamp expire; nothing without a repository."""
    if not files:
        return {}
    signed: tuple[Root | Targets | Timestamp, ...] = (
        repository.read(repository.roots_of(files)[-1], Root).signed,
        repository.read(repository.newest_targets(files)[1], Targets).signed,
        repository.read(files["timestamp.json"], Timestamp).signed,
    )
    return {s.type: s.expires for s in signed}


def _later(now: datetime, lasts: timedelta) -> datetime:
    return (now + lasts).replace(microsecond=0)


def clerks(ledger: Ledger, folder: Path, now: Callable[[], datetime]) -> list[OnDuty]:
    """Who signs in time: one, where the online key is."""
    return [Clerk(ledger, folder, now)] if (folder / ONLINE_KEY).exists() else []


class Clerk(OnDuty):
    """A thread that signs again what expires, while no other worker does."""

    failed = "the policy repository was not signed again, will be tried again"
    tried_again = (Busy, StoreFailed, SettingsError)

    def __init__(self, ledger: Ledger, folder: Path, now: Callable[[], datetime]) -> None:
        super().__init__("policy", ledger, "policy")
        self._folder = folder
        self._now = now

    def turn(self, duty: Duty) -> None:
        """Sign what is due."""
        if not duty.held():
            return
        try:
            renew(self._ledger, self._folder, self._now())
        except BadRepository as e:
            _LOG.warning("the policy repository waits for people to sign it", detail=str(e))
        except ForeignPolicy as e:
            _LOG.error("the policy repository is not the one accepted: no machine is enrolled", detail=str(e))
            with self._ledger.write() as tx:
                audit.record_refusal(
                    tx, self._now(), e.code, actor="the collector", subject="", detail=str(e)
                )

    def pause_s(self, took_s: float) -> float:
        """Ten minutes."""
        return _EVERY_S
