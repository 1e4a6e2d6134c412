"""php.installations: PHP's settings as the web server, each FPM pool and the command line get them.

Sources: php.net/manual: "The configuration file", "List of php.ini directives" (defaults), "FPM configuration"
(php_value, php_admin_value); layouts of Debian (etc/php/VERSION/SAPI), Red Hat (etc/php.ini, etc/php-fpm.d) and SUSE
(etc/phpN/SAPI).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.web import PhpInstallation, PhpInstallations

from ...formats import ini
from ...formats.words import unquoted
from ...host import Host
from ...untrusted import bounded

MAX_FILES: Final = 500
"""Files of settings, or of pools, of one installation."""
MAX_POOLS: Final = 2_000
DEFAULTS: Final = {
    "expose_php": "1",
    "display_errors": "1",
    "display_startup_errors": "1",
    "log_errors": "1",
    "allow_url_include": "0",
    "allow_url_fopen": "1",
    "file_uploads": "1",
    "upload_max_filesize": "2M",
    "post_max_size": "8M",
    "memory_limit": "128M",
    "session.cookie_secure": "0",
    "session.cookie_httponly": "0",
    "session.use_strict_mode": "0",
    "session.use_only_cookies": "1",
    "session.gc_maxlifetime": "1440",
}
"""What the program itself sets where no file says anything (main.c, session.c: PHP_INI_ENTRY)."""
PROGRAMS: Final = {
    "fpm": ("usr/sbin/php-fpm{}", "usr/sbin/php-fpm"),
    "apache2": ("usr/lib/apache2/modules/libphp{}.so", "usr/lib64/apache2/mod_php{}.so"),
    "cgi": ("usr/bin/php-cgi{}", "usr/bin/php-cgi"),
    "cli": ("usr/bin/php{}", "usr/bin/php"),
}
_POOL_KEY: Final = re.compile(r"php_(?:admin_)?(?:value|flag)\[([a-z0-9_.]{1,80})\]")
_SIZE: Final = re.compile(r"(-?[0-9]{1,15})([kmg]?)", re.IGNORECASE)


class Place(NamedTuple):
    """Where one way of running PHP keeps its settings."""

    sapi: str
    version: str
    main: str
    more: str
    """Folder of further *.ini files, read in order of their names after `main`."""
    pools: str


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PhpInstallations, str]:
    """Topic php.installations. Raises CouldNotLook (permission-denied, too-large); ValueError: a size that is none."""
    found: list[PhpInstallation] = []
    for place in places(host):
        base = settings(host, place)
        pools = list(islice(pools_of(host, place), MAX_POOLS + 1)) if place.sapi == "fpm" else []
        if len(pools) > MAX_POOLS:
            raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_POOLS} pools of PHP-FPM")
        for name, user, own in pools or [("", "", {})]:
            found.append(describe(place, name, user, base | own))
    return PhpInstallations(installed=bool(found), installations=found[: limits.MAX_FACT_LIST]), "etc/php*"


def places(host: Host) -> Iterator[Place]:
    """Every way of running PHP whose program is there; files of a removed one do not count."""
    for folder in host.glob("/etc/php/*"):
        version = folder.rpartition("/")[2]
        for sapi in ("apache2", "cgi", "cli", "fpm"):
            place = f"{folder}/{sapi}"
            if host.exists(f"{place}/php.ini") and _there(host, sapi, version):
                yield Place(sapi, version, f"{place}/php.ini", f"{place}/conf.d", f"{place}/pool.d")
    for folder in host.glob("/etc/php[0-9]*"):
        version = folder.rpartition("/php")[2]
        for sapi in ("apache2", "cli", "fpm"):
            place = f"{folder}/{sapi}"
            if host.exists(f"{place}/php.ini") and _there(host, sapi, version):
                yield Place(sapi, version, f"{place}/php.ini", f"{folder}/conf.d", f"{place}/php-fpm.d")
    if host.exists("/etc/php.ini"):
        for sapi in ("cgi", "cli", "fpm"):
            if _there(host, sapi, ""):
                yield Place(sapi, "", "/etc/php.ini", "/etc/php.d", "/etc/php-fpm.d")


def _there(host: Host, sapi: str, version: str) -> bool:
    return any(host.exists(program.format(version)) for program in PROGRAMS[sapi])


def settings(host: Host, place: Place) -> dict[str, str]:
    """Settings of php.ini and of the folder beside it, the last word counting."""
    paths = [place.main, *host.glob(f"{place.more}/*.ini")[:MAX_FILES]]
    found = dict(DEFAULTS)
    for path in paths:
        found |= parse(host.text(path) or "")
    return found


def parse(text: str) -> dict[str, str]:
    """The settings of one file; sections for some hosts or paths only ([HOST=…], [PATH=…]) are left out.

    Raises ValueError for too many lines.
    """
    found: dict[str, str] = {}
    for entry in ini.parse(text, comments=";", inline=True):
        if not entry.section.upper().startswith(("HOST=", "PATH=")):
            found[entry.key] = unquoted(entry.value)
    return found


def pools_of(host: Host, place: Place) -> Iterator[tuple[str, str, dict[str, str]]]:
    """FPM's pools: name, user, and the settings of PHP that it sets."""
    for path in host.glob(f"{place.pools}/*.conf")[:MAX_FILES]:
        yield from pools(host.text(path) or "")


def pools(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The pools of one file. Raises ValueError for too many lines."""
    users: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {}
    for entry in ini.parse(text, comments=";", inline=True):
        if not entry.section or entry.section == "global":
            continue
        mine = own.setdefault(entry.section, {})
        match = _POOL_KEY.fullmatch(entry.key)
        if match:
            mine[match[1]] = unquoted(entry.value)
        elif entry.key == "user":
            users[entry.section] = entry.value
    for name, mine in own.items():
        yield name, users.get(name, ""), mine


def describe(place: Place, pool: str, user: str, told: dict[str, str]) -> PhpInstallation:
    """One way of running PHP. Raises ValueError for a size that is none."""
    return PhpInstallation(
        sapi=place.sapi,
        version=bounded(place.version),
        pool=bounded(pool),
        user=bounded(user),
        source=place.main,
        web=place.sapi != "cli",
        exposed=_on(told["expose_php"]),
        errors_shown=_on(told["display_errors"]) or _on(told["display_startup_errors"]),
        errors_logged=_on(told["log_errors"]),
        includes_urls=_on(told["allow_url_include"]),
        opens_urls=_on(told["allow_url_fopen"]),
        base_folders=_listed(told.get("open_basedir", ""), ":"),
        disabled_functions=_listed(told.get("disable_functions", ""), ","),
        uploads=_on(told["file_uploads"]),
        upload_limit=size(told["upload_max_filesize"]),
        body_limit=size(told["post_max_size"]),
        memory_limit=size(told["memory_limit"]),
        cookie_secure=_on(told["session.cookie_secure"]),
        cookie_httponly=_on(told["session.cookie_httponly"]),
        cookie_samesite=bounded(told.get("session.cookie_samesite", "")).lower(),
        strict_sessions=_on(told["session.use_strict_mode"]) and _on(told["session.use_only_cookies"]),
        session_seconds=size(told["session.gc_maxlifetime"]),
    )


def _on(text: str) -> bool:
    """As PHP reads a switch: on, yes, true, any number but 0, and display_errors' stdout and stderr."""
    folded = text.strip().lower()
    return folded in ("on", "yes", "true", "stdout", "stderr") or (
        folded.isdigit() and folded.strip("0") != ""
    )


def _listed(text: str, separator: str) -> list[str]:
    words: Iterable[str] = (word.strip(" \t\"'") for word in text.split(separator))
    return [bounded(word) for word in words if word][: limits.MAX_FACT_LIST]


def size(text: str) -> int:
    """Bytes of 128M, 8k, 1G, 1024, or -1 for no limit; empty is 0. Raises ValueError."""
    if not text.strip():
        return 0
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no size")
    number = int(match[1]) * {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}[match[2].lower()]
    if abs(number) > limits.MAX_SAFE_INTEGER:
        raise ValueError(f"{text[:40]!r} is no size")
    return number
