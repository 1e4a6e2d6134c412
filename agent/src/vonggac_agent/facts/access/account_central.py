"""account.central: whether accounts come from a central directory, and which domains were joined.

Sources: nsswitch.conf(5), sssd.conf(5), smb.conf(5), nslcd.conf(5), yp.conf(5), krb5.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vonggac_contract.facts.accounts import CentralAccounts, Directory

from ...formats import ini
from ...formats.ini import Entry
from ...formats.lines import significant
from ...host import Host
from ...untrusted import bounded

NSSWITCH: Final = ("etc/nsswitch.conf", "usr/etc/nsswitch.conf")
SERVICES: Final[dict[str, Directory]] = {"sss": "sssd", "winbind": "winbind", "ldap": "ldap", "nis": "nis"}
"""Words of nsswitch.conf; `compat` and `systemd` ask no directory."""
SSSD: Final = "etc/sssd/sssd.conf"
SAMBA: Final = "etc/samba/smb.conf"
LDAP: Final = ("etc/nslcd.conf", "etc/libnss-ldap.conf", "etc/ldap.conf")
NIS: Final = "etc/yp.conf"
MAX_DOMAINS: Final = 100


def services(text: str, database: str = "passwd") -> list[Directory]:
    """Directories that `database` is asked of, in order; the last line of a database counts."""
    words: list[str] = []
    for line in significant(text, inline=True):
        name, colon, rest = line.text.partition(":")
        if colon and name.strip() == database:
            words = rest.split()
    return list(dict.fromkeys(SERVICES[word] for word in words if word in SERVICES))


def sssd_domains(entries: Iterable[Entry]) -> dict[str, str]:
    """Domain to its id_provider, of those that `domains` of [sssd] names or that are `enabled`."""
    providers: dict[str, str] = {}
    named: list[str] = []
    for entry in entries:
        if entry.section == "sssd" and entry.key == "domains":
            named += [name.strip() for name in entry.value.split(",") if name.strip()]
        elif entry.section.startswith("domain/"):
            name = entry.section.removeprefix("domain/")
            if entry.key == "id_provider":
                providers[name] = entry.value.lower()
            elif entry.key == "enabled" and entry.value.lower() == "true":
                named.append(name)
    return {name: providers.get(name, "") for name in dict.fromkeys(named)}


def samba_domain(entries: Iterable[Entry]) -> str:
    """The Active Directory domain that Samba is a member of; empty if it is none."""
    settings = {e.key.replace(" ", ""): e.value for e in entries if e.section == "global"}
    if settings.get("security", "").lower() not in ("ads", "domain"):
        return ""
    return settings.get("realm", "") or settings.get("workgroup", "")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[CentralAccounts, str]:
    """Topic account.central. Raises CouldNotLook: permission-denied if SSSD is asked and its file is closed to us."""
    path = next((path for path in NSSWITCH if host.exists(path)), NSSWITCH[0])
    asked = services(host.text(path) or "")
    found: list[Directory] = []
    domains: list[str] = []
    providers: list[str] = []
    if "sssd" in asked:
        joined = _sssd(host)
        # "files" and "proxy" of SSSD serve local accounts
        central = {name: kind for name, kind in joined.items() if kind not in ("files", "proxy", "local")}
        domains += central
        providers += central.values()
        found += ["sssd"] if central else []
    if "winbind" in asked:
        domain = samba_domain(ini.parse(host.text(SAMBA) or "", fold=True))
        domains += [domain] if domain else []
        found += ["winbind"] if domain else []
    if "ldap" in asked and any(host.exists(name) for name in LDAP):
        found.append("ldap")
    if "nis" in asked and host.exists(NIS):
        found.append("nis")
    return CentralAccounts(
        directories=found,
        managed=bool(found),
        domains=[bounded(name) for name in dict.fromkeys(domains)][:MAX_DOMAINS],
        providers=[bounded(kind) for kind in dict.fromkeys(providers) if kind][:MAX_DOMAINS],
    ), f"{path}, {SSSD}, {SAMBA}"


def _sssd(host: Host) -> dict[str, str]:
    """sssd.conf and conf.d, sssd.conf(5): files of the folder come after the file, those with a leading dot do not."""
    names = [name for name in host.names("etc/sssd/conf.d") if name.endswith(".conf") and name[0] != "."]
    entries: list[Entry] = []
    for path in [SSSD, *(f"etc/sssd/conf.d/{name}" for name in names[:MAX_DOMAINS])]:
        entries += ini.parse(host.text(path) or "")
    return sssd_domains(entries)
