"""Reads dnf's and zypper's repositories and what their settings mean for signatures. Pure.

Sources: dnf.conf(5) "[main] OPTIONS", "Repo Options"; zypp.conf "gpgcheck", "repo_gpgcheck", "pkg_gpgcheck" of libzypp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from ...formats import ini

Manager = Literal["dnf", "zypper"]
TRUE: Final = ("1", "yes", "true", "on", "always")
MAX_REPOSITORIES: Final = 10_000
_CONTINUED: Final = re.compile(r"\n[ \t]+(?=\S)")


class Repository(NamedTuple):
    """One `[section]` of a .repo file; `url` is the first of baseurl, mirrorlist, metalink."""

    name: str
    url: str
    values: Mapping[str, str]


class Settings(NamedTuple):
    """One repository's settings over those of [main]."""

    manager: Manager
    main: Mapping[str, str]
    own: Mapping[str, str]

    def _on(self, name: str, default: bool) -> bool:
        value = self.own.get(name) or self.main.get(name)
        return default if not value else value.casefold() in TRUE

    @property
    def enabled(self) -> bool:
        """Switched on; so it is if nothing is said."""
        return self.own.get("enabled", "1").casefold() in TRUE

    @property
    def signed(self) -> bool:
        """What comes is checked. dnf: gpgcheck, off by default; zypper: gpgcheck, on by default, tuned by two others.

        repo_gpgcheck or pkg_gpgcheck set to off takes unsigned things silently; either set to on checks by itself.
        """
        if self.manager == "dnf":
            return self._on("gpgcheck", False)
        checked = self._on("gpgcheck", True)
        return self._on("pkg_gpgcheck", False) or (
            self._on("repo_gpgcheck", checked) and self._on("pkg_gpgcheck", True)
        )

    @property
    def tls_checked(self) -> bool:
        """sslverify, on by default (dnf)."""
        return self._on("sslverify", True)

    @property
    def proxy(self) -> str:
        """The proxy's address; empty for none."""
        found = self.own.get("proxy", self.main.get("proxy", ""))
        return "" if found.casefold() in ("none", "_none_") else found

    @property
    def loose(self) -> list[str]:
        """Settings of [main] that let packages in unchecked."""
        if self.manager == "zypper":
            return [] if self.signed else ["gpgcheck"]
        # localpkg_gpgcheck is about files named on the command line
        named = (("gpgcheck", False), ("localpkg_gpgcheck", False), ("sslverify", True))
        return [name for name, default in named if not self._on(name, default)]


def parse(text: str) -> list[Repository]:
    """The repositories of one .repo file. Raises ValueError for too many lines or repositories."""
    sections: dict[str, dict[str, str]] = {}
    for entry in ini.parse(_CONTINUED.sub(" ", text), fold=False):
        if entry.section and entry.section != "main":
            sections.setdefault(entry.section, {})[entry.key.lower()] = entry.value
    if len(sections) > MAX_REPOSITORIES:
        raise ValueError(f"over {MAX_REPOSITORIES} repositories")
    return [Repository(name, _url(values), values) for name, values in sections.items()]


def _url(values: Mapping[str, str]) -> str:
    for key in ("baseurl", "mirrorlist", "metalink"):
        words = values.get(key, "").replace(",", " ").split()
        if words:
            return words[0]
    return ""
