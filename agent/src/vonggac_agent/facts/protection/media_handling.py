"""media.handling: what becomes of a disk that somebody plugs in: whether it is admitted, mounted, run, scanned.

Settings of dconf are read by `desktop_session_lock`, whose question is the same kind. KDE and Xfce mount nothing by
themselves unless a person asks for it.

Sources: schemas org.gnome.desktop.media-handling, org.mate.media-handling, org.cinnamon.desktop.media-handling
(automount true, autorun-never false by default); usbguard-daemon.conf(5); clamd.conf(5) "OnAccessIncludePath",
"OnAccessMountPath".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vonggac_contract.facts.protection import MediaHandling, RemovableMedia

from ...formats import assignments
from ...host import Host
from ...untrusted import as_text
from ..desktop import desktop_session_lock
from ..desktop.desktop_session_lock import Value
from ..system import processes, systemd
from . import malware_protection

SCHEMAS: Final = {
    "gnome": "org/gnome/desktop/media-handling",
    "mate": "org/mate/media-handling",
    "cinnamon": "org/cinnamon/desktop/media-handling",
}
USBGUARD: Final = "etc/usbguard/usbguard-daemon.conf"
CLAMD: Final = ("etc/clamav/clamd.conf", "etc/clamd.d/scan.conf", "etc/clamd.conf")
PLACES: Final = ("/", "/media", "/run/media", "/mnt")
"""Where removable media are mounted: udisks(8), FHS 3.0 sections 3.11 and 3.12."""


def handling(environment: str, settings: Mapping[str, Value]) -> MediaHandling:
    """What desktop `environment` does, by the settings of dconf."""
    name: Any = environment
    schema = SCHEMAS.get(environment)
    if schema is None:
        known = environment in ("kde", "xfce")
        return MediaHandling(name, False if known else None, False if known else None, enforced=False)
    automount = settings.get(f"{schema}/automount", Value("true", locked=False))
    never = settings.get(f"{schema}/autorun-never", Value("false", locked=False))
    return MediaHandling(
        name,
        automount=automount.text.lower() != "false",
        autorun=never.text.lower() != "true",
        enforced=automount.locked and never.locked,
    )


def blocks(text: str) -> bool:
    """usbguard-daemon.conf turns away what no rule allows: its default since 0.7 is block."""
    told = [entry.value.lower() for entry in assignments.parse(text) if entry.key == "ImplicitPolicyTarget"]
    return not told or told[-1] in ("block", "reject")


def scans_media(texts: Iterable[str]) -> bool:
    """clamd.conf names a place of removable media for the scan on access."""
    return any(
        entry.key in ("OnAccessIncludePath", "OnAccessMountPath")
        and (entry.value.rstrip("/") or "/") in PLACES
        for text in texts
        for entry in assignments.parse(text, separators="", blank=True)
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[RemovableMedia, str]:
    """Topic media.handling. Raises CouldNotLook(permission-denied): usbguard's folder is closed to ordinary users."""
    names = [as_text(name) for folder in desktop_session_lock.SESSIONS for name in host.names(folder)]
    chosen = desktop_session_lock.sessions(names)
    settings = desktop_session_lock.dconf_settings(host)
    return (
        RemovableMedia(
            desktops=[handling(environment, settings) for environment in chosen],
            admitted_by_list=_usbguard(host),
            scanned=_scanned(host),
        ),
        "etc/dconf, etc/usbguard, clamd.conf",
    )


def _usbguard(host: Host) -> bool:
    if systemd.units(host).enabled("usbguard.service") == "absent":
        return False
    running = processes.active(host, ("usbguard-daemon",), ("usbguard.service",))
    return running and blocks(host.text(USBGUARD) or "")


def _scanned(host: Host) -> bool:
    products = malware_protection.gather(host, ())[0].products
    for product in products:
        if product.on_access and (
            product.name != "ClamAV" or scans_media(host.text(path) or "" for path in CLAMD)
        ):
            return True
    return False
