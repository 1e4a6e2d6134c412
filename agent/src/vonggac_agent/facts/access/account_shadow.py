"""account.shadow: what does not fit in the shadow file. Hashes are compared here and go no further.

Equal hashes cannot come about by equal passwords, since each has its own salt (crypt(5)): the line was copied, as when
one machine's accounts are made from another's. Source: shadow(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.accounts import ShadowFaults

from ...host import Host
from ...untrusted import bounded
from ..files import owners
from . import account_consistency, account_files
from .account_files import PasswdEntry, ShadowEntry


def same_password(lines: Iterable[str]) -> list[str]:
    """Names whose hash another name has too, a lock (`!`) in front of it left out."""
    holders: dict[str, list[str]] = {}
    for line in lines:
        fields = line.split(":")
        held = fields[1].lstrip("!") if len(fields) > 1 and fields[0] else ""
        if account_files.password_state(held)[0] == "set":
            holders.setdefault(held, []).append(fields[0])
    return [name for names in holders.values() if len(set(names)) > 1 for name in names]


def describe(
    entries: Iterable[PasswdEntry], shadow: Mapping[str, ShadowEntry], lines: Sequence[str], today: date
) -> ShadowFaults:
    """The fact. `lines`: those of the shadow file."""
    named = {entry.name: entry for entry in entries}
    return ShadowFaults(
        without_entry=[bounded(n) for n, e in named.items() if e.password is None and n not in shadow],
        without_account=[bounded(n) for n in shadow if n not in named and n[0] not in "+-#"],
        same_password=[bounded(name) for name in same_password(lines)],
        changed_later=[bounded(n) for n, e in shadow.items() if e.changed is not None and e.changed > today],
        legacy_entries=account_consistency.legacy("etc/shadow", lines),
        malformed=account_consistency.malformed("etc/shadow", lines),
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ShadowFaults, str]:
    """Topic account.shadow. Raises CouldNotLook: not-installed; permission-denied for all but root."""
    if not host.exists("etc/shadow"):
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/shadow is absent")
    lines = owners.lines(host, "etc/shadow")
    entries = account_files.passwd(owners.lines(host, "etc/passwd"))
    shadow = account_files.shadow(lines)
    return describe(entries, shadow, lines, host.now.date()), "etc/shadow, etc/passwd"
