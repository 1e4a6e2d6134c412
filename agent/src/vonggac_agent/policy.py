"""What this machine knows of its collector's policy repository, and which rulebook is in force by it.

A rulebook that a receipt names is taken only if the repository's targets vouch for it; until then, and whatever fails,
the last good one stays in force (adr/0017). Asking the repository is the work of `following`, whose library takes a
while to import; this module is small, so that a look can read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.enrolment import PolicyRoot
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import MIB
from vonggac_contract.report import Digest

from .safety import write_whole

FILE: Final = "policy.json"
MAX_BYTES: Final = 4 * MIB
CHECK_EVERY: Final = timedelta(hours=6)
"""Between two questions to the repository when nothing new was named: a quarter of what its timestamp lasts at most."""
EXPIRED: Final = "policy-expired"


class Standing(msgspec.Struct, frozen=True):
    """Verified metadata as it was served, what it says, and what came of the last question.

    `roots`: from the pinned one on. `expires`: when the first of all expires. `good`: the rulebook in force, "" before
    the first. `floor`: the time that the collector signed last, before which it cannot be. Not the latest ever: a
    collector whose clock ran ahead once would have ended the policy for good.
    """

    pin: PolicyRoot
    roots: tuple[bytes, ...] = ()
    timestamp: bytes = b""
    snapshot: bytes = b""
    targets: bytes = b""
    expires: datetime | None = None
    vouched: tuple[Digest, ...] = ()
    good: str = ""
    floor: datetime | None = None
    checked_at: datetime | None = None
    trouble: str = ""

    @property
    def root_version(self) -> int:
        """Of the root that is trusted; 0 before the first answer."""
        return self.pin.version + len(self.roots) - 1 if self.roots else 0

    def is_expired(self, now: datetime) -> bool:
        """Whether anything of it is over, by this clock or by what the collector signed."""
        return self.expires is not None and max(now, self.floor or now) >= self.expires

    def notices(self, now: datetime) -> tuple[str, ...]:
        """What a report has to own up to. The words stay the same as long as the state does."""
        expired = self.is_expired(now) and not self.trouble.startswith(EXPIRED)
        over = f"{EXPIRED}: what vouches for the rules was good until {self.expires}; they stay in force"
        return tuple(filter(None, (over if expired else "", self.trouble)))


def read(folder: Path) -> Standing | None:
    """None: this machine has no pin. One that cannot be read any more knows nothing but that it had one."""
    try:
        with (folder / FILE).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    try:
        return decode_as(raw, Standing, maximum=MAX_BYTES)
    except ContractError:
        return Standing(PolicyRoot(1, "0" * 64), trouble="policy-state-damaged: what was known is lost")


def of_pin(folder: Path, pin: PolicyRoot) -> Standing:
    """What is known under that pin; nothing if the file is of another."""
    standing = read(folder)
    return standing if standing is not None and standing.pin == pin else Standing(pin)


def write(folder: Path, standing: Standing) -> None:
    """Keep it, whole or not at all."""
    write_whole(folder / FILE, msgspec.json.encode(standing))


def begin(folder: Path, pin: PolicyRoot | None) -> None:
    """Know nothing but the pin of a new enrolment; without one, that there is none."""
    if pin is None:
        (folder / FILE).unlink(missing_ok=True)
    else:
        write(folder, of_pin(folder, pin))


def notices(folder: Path, now: datetime) -> tuple[str, ...]:
    """See `Standing.notices`; none without a pin."""
    standing = read(folder)
    return () if standing is None else standing.notices(now)


def codes(told: Iterable[str]) -> str:
    """What notices are about, without the words that may differ from time to time."""
    return " ".join(notice.partition(":")[0] for notice in told)


def is_due(standing: Standing, wanted: str, now: datetime) -> bool:
    """Whether the repository has to be asked: something new is named, something failed, or it was long ago."""
    if standing.trouble or wanted != standing.good or standing.checked_at is None:
        return True
    return not standing.checked_at <= now < standing.checked_at + CHECK_EVERY
