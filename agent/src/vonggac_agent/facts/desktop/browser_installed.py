"""browser.installed: browsers and mail programs, and what the administrator's policy says (see `browser_policies`).

Sources: names of packages of Debian, Ubuntu, Red Hat and SUSE, of the makers' repositories, of the Snap store and
Flathub; mozilla/policy-templates and the Chrome Enterprise guides for the places of policies on Linux.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from vonggac_contract.facts.browsers import Browser, Browsers

from ...host import Host
from ...untrusted import bounded
from ..packages import package_inventory, software_unpackaged
from . import browser_policies
from .browser_policies import Policy


class Known(NamedTuple):
    """How one program is known."""

    name: str
    kind: Literal["browser", "mail"]
    packages: tuple[str, ...]
    snaps: tuple[str, ...] = ()
    flatpaks: tuple[str, ...] = ()
    firefox: tuple[str, ...] = ()
    """Places of its policies.json; the first that is there counts."""
    chromium: tuple[str, ...] = ()
    """Folders of its managed policies."""


PROGRAMS: Final = (
    Known(
        "firefox",
        "browser",
        ("firefox", "firefox-esr", "MozillaFirefox"),
        ("firefox",),
        ("org.mozilla.firefox",),
        firefox=(
            "etc/firefox/policies/policies.json",
            "usr/lib/firefox/distribution/policies.json",
            "usr/lib/firefox-esr/distribution/policies.json",
            "usr/lib64/firefox/distribution/policies.json",
        ),
    ),
    Known(
        "chromium",
        "browser",
        ("chromium", "chromium-browser"),
        ("chromium",),
        ("org.chromium.Chromium",),
        chromium=("etc/chromium/policies/managed", "etc/chromium-browser/policies/managed"),
    ),
    Known(
        "chrome",
        "browser",
        ("google-chrome-stable", "google-chrome-beta", "google-chrome-unstable"),
        (),
        ("com.google.Chrome",),
        chromium=("etc/opt/chrome/policies/managed",),
    ),
    Known(
        "edge",
        "browser",
        ("microsoft-edge-stable", "microsoft-edge-beta", "microsoft-edge-dev"),
        (),
        ("com.microsoft.Edge",),
        chromium=("etc/opt/edge/policies/managed",),
    ),
    Known(
        "brave",
        "browser",
        ("brave-browser",),
        ("brave",),
        ("com.brave.Browser",),
        chromium=("etc/brave/policies/managed",),
    ),
    Known("opera", "browser", ("opera-stable",), ("opera",), ("com.opera.Opera",)),
    Known("vivaldi", "browser", ("vivaldi-stable",), ("vivaldi",), ("com.vivaldi.Vivaldi",)),
    Known("librewolf", "browser", ("librewolf",), (), ("io.gitlab.librewolf-community",)),
    Known("epiphany", "browser", ("epiphany-browser", "epiphany"), (), ("org.gnome.Epiphany",)),
    Known("falkon", "browser", ("falkon",), (), ("org.kde.falkon",)),
    Known("konqueror", "browser", ("konqueror",)),
    Known("midori", "browser", ("midori",)),
    Known("tor-browser", "browser", ("torbrowser-launcher",), (), ("org.torproject.torbrowser-launcher",)),
    Known("yandex", "browser", ("yandex-browser-stable",)),
    Known(
        "thunderbird",
        "mail",
        ("thunderbird", "MozillaThunderbird"),
        ("thunderbird",),
        ("org.mozilla.Thunderbird",),
        firefox=(
            "etc/thunderbird/policies/policies.json",
            "usr/lib/thunderbird/distribution/policies.json",
            "usr/lib64/thunderbird/distribution/policies.json",
        ),
    ),
    Known("evolution", "mail", ("evolution",), (), ("org.gnome.Evolution",)),
    Known("kmail", "mail", ("kmail",), (), ("org.kde.kontact",)),
    Known("geary", "mail", ("geary",), (), ("org.gnome.Geary",)),
    Known("claws-mail", "mail", ("claws-mail",)),
)
"""A program that is not in the table is not seen."""


def policy(host: Host, program: Known) -> Policy:
    """What the administrator has set for `program`. Raises ValueError for a policy that cannot be read."""
    for path in program.firefox:
        text = host.text(path)
        if text is not None:
            return browser_policies.firefox(text)
    texts = [
        host.text(f"{folder}/{name}") or "{}"
        for folder in program.chromium
        for name in host.names(folder)
        if name.endswith(".json")
    ]
    return browser_policies.chromium(browser_policies.managed(texts)) if texts else Policy()


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Browsers, str]:
    """Topic browser.installed. Raises CouldNotLook where no package database tells what is installed."""
    packages = package_inventory.look(host).by_name
    snaps = software_unpackaged.snap_names(host.names("var/lib/snapd/snaps"))
    flatpaks = host.names("var/lib/flatpak/app")
    found: list[Browser] = []
    for program in PROGRAMS:
        package = next((name for name in program.packages if name in packages), "")
        other = next(
            (name for name in (*program.snaps, *program.flatpaks) if name in (*snaps, *flatpaks)), ""
        )
        if not package and not other:
            continue
        told = policy(host, program)
        found.append(
            Browser(
                name=program.name,
                kind=program.kind,
                package=package or other,
                version=bounded(packages[package].version) if package else "",
                managed=bool(program.firefox or program.chromium),
                extensions=told.extensions,
                filtering=told.filtering,
                own_dns=told.own_dns,
            )
        )
    return Browsers(found), "package database, etc/firefox/policies, etc/*/policies/managed"
