"""tftp.server: what tftpd-hpa lets everybody do, in.tftpd(8); inetd's own start of it is in `inetd_services`."""

from __future__ import annotations

from typing import Final

from vonggac_contract.facts.shares import TftpServer

from ...formats import assignments
from ...formats.lines import within
from ...formats.words import words
from ...host import Host
from ..containers import started

PROGRAMS: Final = ("usr/sbin/in.tftpd",)
DEFAULTS: Final = "etc/default/tftpd-hpa"
SERVICE: Final = "tftp.service"


def describe(options: list[str]) -> TftpServer:
    """The server by its options; short ones may stand together (-cs)."""
    short = "".join(word[1:] for word in options if word[:1] == "-" and word[:2] != "--")
    return TftpServer(
        installed=True,
        shut_in="--secure" in options or "s" in short,
        creates="--create" in options or "c" in short,
    )


def parse(text: str) -> list[str]:
    """Options in TFTP_OPTIONS of Debian's file."""
    given = {e.key: e.value for e in assignments.parse(within(text), posix=True)}
    return words(given.get("TFTP_OPTIONS", ""))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[TftpServer, str]:
    """Topic tftp.server."""
    if not any(host.exists(program) for program in PROGRAMS):
        return TftpServer(installed=False), DEFAULTS
    text = host.text(DEFAULTS)
    if text is not None:
        return describe(parse(text)), DEFAULTS
    return describe(started.arguments(host, SERVICE)), SERVICE
