"""sshd.effective: the SSH server's settings, told by itself where it can be asked, else read from its files.

Both ways are parsed by `sshd_config`. As root on the running system `sshd -T` is asked, because only the server knows
how it was built; it needs its host keys, so an ordinary user, or a machine where it cannot start, gets the files' word.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import SshdEffective

from ... import programs
from ...host import Host
from ...untrusted import as_text
from . import sshd_config

PROGRAMS: Final = ("usr/sbin/sshd", "usr/local/sbin/sshd", "sbin/sshd", "usr/bin/sshd")
FOLDER: Final = "etc/ssh"
CONFIG: Final = "etc/ssh/sshd_config"
VENDOR_CONFIG: Final = "usr/etc/ssh/sshd_config"
"""Where SUSE keeps the file that the administrator has not replaced."""
TEST_SECONDS: Final = 5.0


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SshdEffective, str]:
    """Topic sshd.effective. Raises CouldNotLook: not-installed; permission-denied if its files are closed to us."""
    if not installed(host):
        raise CouldNotLook(Reason.NOT_INSTALLED, "no SSH server is installed")
    if host.live and os.geteuid() == 0:
        try:
            output = host.run(programs.SSHD_TEST, timeout=TEST_SECONDS, limit=256 * limits.KIB)
        except CouldNotLook as error:
            said = error.detail
        else:
            told = sshd_config.told(as_text(output))
            return sshd_config.describe(told, "effective", read(host).match_blocks), "sshd -T"
        settings = read(host)
        return sshd_config.describe(settings, "parsed", settings.match_blocks), f"{CONFIG} ({said})"
    settings = read(host)
    return sshd_config.describe(settings, "parsed", settings.match_blocks), CONFIG


def installed(host: Host) -> bool:
    """An SSH server is there."""
    return any(host.exists(program) for program in PROGRAMS)


def read(host: Host) -> sshd_config.Settings:
    """What the files say. Raises CouldNotLook: not-installed; permission-denied. ValueError beyond the bounds."""
    path = next((path for path in (CONFIG, VENDOR_CONFIG) if host.exists(path)), None)
    if path is None:
        raise CouldNotLook(Reason.NOT_INSTALLED, f"{CONFIG} is absent")

    def included(pattern: str) -> Iterator[list[str]]:
        folder, wanted = sshd_config.listed(pattern, FOLDER)
        for name in host.names(folder):
            # glob(3): a wildcard does not match a leading dot
            if fnmatch.fnmatchcase(name, wanted) and wanted.startswith(".") >= name.startswith("."):
                yield host.lines(f"{folder}/{name}")

    return sshd_config.parse(host.lines(path), included)
