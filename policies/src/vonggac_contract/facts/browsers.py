"""Facts about browsers and mail programs: which, by what policy, with which extensions."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic


class Browser(msgspec.Struct, frozen=True):
    """One browser or mail program with the policy that the administrator has set for everybody."""

    name: Annotated[str, about("firefox, chromium, chrome, edge, brave, thunderbird, evolution, …")]
    kind: Annotated[Literal["browser", "mail"], about("What it is for")]
    package: Annotated[str, about("Package, snap or Flatpak that brought it")]
    version: Annotated[str, about("Version of the package; empty for a snap or Flatpak")]
    managed: Annotated[bool, about("It is one whose policies are read here: Firefox's and Chromium's kin")]
    extensions: Annotated[
        Literal["blocked", "listed", "free"],
        about(
            "Whether people may add extensions: none, those that the policy lists, any",
            source="ExtensionSettings, InstallAddonsPermission; ExtensionInstallBlocklist",
        ),
    ]
    filtering: Annotated[
        bool,
        about(
            "The policy forces the filter of harmful addresses on, or blocks addresses itself",
            source="Preferences browser.safebrowsing.*, WebsiteFilter; SafeBrowsingProtectionLevel, URLBlocklist",
        ),
    ]
    own_dns: Annotated[
        Literal["off", "set", "free"],
        about(
            "DNS over HTTPS past the machine's resolver: forbidden, fixed by the policy, up to the person",
            source="DNSOverHTTPS; DnsOverHttpsMode",
        ),
    ]


@topic("browser.installed")
class Browsers(msgspec.Struct, frozen=True):
    """Browsers and mail programs that came as a package, snap or Flatpak, each once."""

    browsers: Annotated[
        list[Browser],
        about(
            "By name",
            source="package database; var/lib/snapd; var/lib/flatpak; etc/firefox/policies, etc/*/policies/managed",
        ),
    ]


class BrowserExtension(msgspec.Struct, frozen=True):
    """One extension that somebody on this machine has, or profiles of one home that could not be read."""

    browser: Annotated[str, about("firefox, chromium, chrome, edge, brave, thunderbird")]
    id: Annotated[
        str,
        about(
            "Its id, e.g. uBlock0@raymondhill.net; not-seen: whatever the profile holds", unseen=("not-seen",)
        ),
    ]
    path: Annotated[
        str | None, about("What could not be read; none for an extension: whose it is is not kept")
    ] = None


@topic("browser.extensions", privileged=True, cadence="daily")
class BrowserExtensions(msgspec.Struct, frozen=True):
    """Extensions in the profiles of all people of this machine, each once; whose they are is not kept."""

    extensions: Annotated[
        list[BrowserExtension],
        about(
            "By browser and id; what the browser itself brings is left out",
            source="home/*/.mozilla/firefox/*/extensions.json; home/*/.config/*/*/Extensions",
        ),
    ]
