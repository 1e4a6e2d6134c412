"""ftp.servers: vsftpd, proftpd and pure-ftpd, their settings under one set of names.

Sources: vsftpd.conf(5) with its defaults; proftpd's directive reference (TLSRequired, DefaultRoot, Anonymous);
pure-ftpd(8) and pure-ftpd-wrapper(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from vonggac_contract.facts.shares import FtpServer, FtpServers

from ...formats import assignments, directives, includes
from ...formats.directives import Directive
from ...formats.lines import within
from ...host import Host

VSFTPD: Final = ("usr/sbin/vsftpd",)
VSFTPD_CONFIGS: Final = ("etc/vsftpd/vsftpd.conf", "etc/vsftpd.conf")
PROFTPD: Final = ("usr/sbin/proftpd",)
PROFTPD_CONFIGS: Final = ("etc/proftpd/proftpd.conf", "etc/proftpd.conf")
PURE: Final = ("usr/sbin/pure-ftpd",)
PURE_CONFIGS: Final = ("etc/pure-ftpd/pure-ftpd.conf", "etc/pure-ftpd.conf")
PURE_FOLDER: Final = "etc/pure-ftpd/conf"
Tls = Literal["off", "offered", "required"]


def vsftpd(text: str, *, anonymous_by_default: bool = True) -> FtpServer:
    """vsftpd.conf(5): KEY=value without blanks; of equal keys the last counts.

    anonymous_enable is on by default upstream and off in Debian's build, as its man page says.
    """
    given = {e.key.lower(): e.value.strip().upper() for e in assignments.parse(within(text))}

    def on(key: str, default: bool) -> bool:
        value = given.get(key, "")
        return True if value in ("YES", "TRUE", "1") else False if value in ("NO", "FALSE", "0") else default

    anonymous = on("anonymous_enable", anonymous_by_default)
    forced = on("force_local_logins_ssl", True) and on("force_local_data_ssl", True)
    # force_anon_* only bind guests where TLS is let to them at all
    guests_forced = not anonymous or (
        on("allow_anon_ssl", False)
        and on("force_anon_data_ssl", False)
        and on("force_anon_logins_ssl", False)
    )
    tls: Tls = "off" if not on("ssl_enable", False) else "required" if forced and guests_forced else "offered"
    return FtpServer(
        program="vsftpd",
        anonymous=anonymous,
        anonymous_write=anonymous and on("write_enable", False) and on("anon_upload_enable", False),
        tls=tls,
        old_tls=tls != "off" and any(on(key, False) for key in ("ssl_sslv2", "ssl_sslv3", "ssl_tlsv1_1")),
        # with chroot_list_enable the list names those who are not shut in
        chroot=on("chroot_local_user", False),
        logged=on("xferlog_enable", False),
    )


def proftpd(found: list[Directive]) -> FtpServer:
    """proftpd.conf with includes; sections for modules count as if the module were there. The last value counts."""
    last = {d.name: d.value.lower() for d in found}
    anonymous = any(d.name == "<anonymous" for d in found)
    inside = False
    writes = False
    for d in found:
        inside = (inside or d.name == "<anonymous") and d.name != "</anonymous>"
        writes = writes or (
            inside and d.name == "<limit" and "stor" in d.value.lower() and "deny" not in d.value.lower()
        )
    tls: Tls = "off"
    if last.get("tlsengine") in ("on", "true", "yes"):
        both = last.get("tlsrequired", "off") in ("on", "true", "yes", "ctrl+data", "auth+data")
        tls = "required" if both else "offered"
    protocols = last.get("tlsprotocol", "").split()
    return FtpServer(
        program="proftpd",
        anonymous=anonymous,
        anonymous_write=anonymous and writes,
        tls=tls,
        old_tls=tls != "off" and bool({"sslv3", "sslv23", "tlsv1", "tlsv1.1", "all"} & set(protocols)),
        chroot="defaultroot" in last,
        logged=last.get("transferlog", "") != "none",
    )


def pure_ftpd(given: Mapping[str, str]) -> FtpServer:
    """pure-ftpd by its settings, names in lower case."""

    def on(key: str) -> bool:
        return given.get(key, "").strip().lower() in ("yes", "1", "on", "true")

    level = given.get("tls", "0").strip()
    # pure-ftpd(8) --tls: 1 offered, 2 required for logins, 3 for data as well
    tls: Tls = "required" if level == "3" else "offered" if level in ("1", "2") else "off"
    ciphers = given.get("tlsciphersuite", "").upper()
    return FtpServer(
        program="pure-ftpd",
        anonymous=not on("noanonymous"),
        anonymous_write=not on("noanonymous") and not on("anonymouscantupload"),
        tls=tls,
        old_tls=tls != "off" and any(word in ciphers for word in ("+SSLV3", ":SSLV3")),
        chroot=on("chrooteveryone"),
        logged=bool(given.get("altlog", "").strip()),
    )


def _proftpd_directives(host: Host, path: str) -> list[Directive]:
    def drawn(directive: Directive) -> Iterable[str] | None:
        if directive.name != "include":
            return None
        patterns = [f"{p.rstrip('/')}/*" if host.names(p) else p for p in directive.arguments]
        return (host.text(found) or "" for pattern in patterns for found in host.glob(pattern))

    def parse(text: str) -> list[Directive]:
        return directives.parse(text, continuation="\\")

    return list(includes.put_in(host.text(path) or "", parse, drawn, "proftpd.conf"))


def _pure_settings(host: Host) -> dict[str, str]:
    """A file for each setting where the wrapper reads them (Debian), else one file of all."""
    if host.exists(PURE_FOLDER):
        return {
            name.lower(): host.text(f"{PURE_FOLDER}/{name}", 65_536) or ""
            for name in host.names(PURE_FOLDER, includes.MAX_FILES)
        }
    text = next((text for text in map(host.text, PURE_CONFIGS) if text is not None), "")
    return {d.name: d.value for d in directives.parse(within(text))}


def gather(host: Host, selector: tuple[str, ...]) -> tuple[FtpServers, str]:
    """Topic ftp.servers."""
    servers: list[FtpServer] = []
    read: list[str] = []
    if any(host.exists(program) for program in VSFTPD):
        path = next((path for path in VSFTPD_CONFIGS if host.exists(path)), VSFTPD_CONFIGS[0])
        debian = host.exists("etc/debian_version")
        servers.append(vsftpd(host.text(path) or "", anonymous_by_default=not debian))
        read.append(path)
    if any(host.exists(program) for program in PROFTPD):
        path = next((path for path in PROFTPD_CONFIGS if host.exists(path)), PROFTPD_CONFIGS[0])
        servers.append(proftpd(_proftpd_directives(host, path)))
        read.append(path)
    if any(host.exists(program) for program in PURE):
        servers.append(pure_ftpd(_pure_settings(host)))
        read.append(PURE_FOLDER)
    return FtpServers(servers), ", ".join(read)
