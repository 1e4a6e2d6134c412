"""package.sources: where packages come from and what is checked, for apt, dnf and zypper.

The files are read by `apt_sources` and `rpm_repositories`; here they meet the managers' settings.

Sources: apt.conf(5), apt-secure(8); dnf.conf(5); zypp.conf of libzypp.
"""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import PackageSource, PackageSources

from ...formats import ini
from ...host import Host
from ...untrusted import as_text, bounded
from . import apt_configuration, apt_sources, rpm_repositories
from .addresses import Address, address, reach

APT_FILE: Final = "etc/apt/sources.list"
APT_FOLDER: Final = "etc/apt/sources.list.d"
APT_LOOSE: Final = (
    ("APT::Get::AllowUnauthenticated", True),
    ("Acquire::AllowInsecureRepositories", True),
    ("Acquire::AllowDowngradeToInsecureRepositories", True),
    ("Acquire::AllowWeakRepositories", True),
    ("Acquire::Check-Valid-Until", False),
    ("Acquire::https::Verify-Peer", False),
    ("Acquire::https::Verify-Host", False),
)
"""Settings with the value that makes them dangerous: apt-secure(8), apt-transport-https(1)."""
DNF_FILES: Final = ("etc/dnf/dnf.conf", "etc/yum.conf")
DNF_FOLDERS: Final = ("etc/yum.repos.d", "etc/yum/repos.d", "etc/distro.repos.d")
"""dnf.conf(5) "reposdir"."""
ZYPP_FILES: Final = ("usr/etc/zypp/zypp.conf", "etc/zypp/zypp.conf")
ZYPP_FOLDER: Final = "etc/zypp/repos.d"
MAX_FILES: Final = 1000


def apt(
    configuration: apt_configuration.Configuration, entries: list[apt_sources.Entry], shared_keys: list[str]
) -> PackageSources:
    """The fact from apt's configuration and its sources."""
    loose = [name for name, bad in APT_LOOSE if _says(configuration.get(name), bad)]
    unchecked = bool({"APT::Get::AllowUnauthenticated", "Acquire::AllowInsecureRepositories"} & set(loose))
    sources: list[PackageSource] = []
    for entry in entries:
        for uri in entry.uris:
            where = address(uri)
            through = _through(where, configuration)
            suites = " ".join(entry.suites)
            sources.append(
                PackageSource(
                    name=bounded(f"{where.shown} {suites}".strip()),
                    scheme=where.scheme,
                    host=where.host,
                    through=through,
                    reach=reach(where.host),
                    through_reach=reach(through),
                    signed=not (unchecked or entry.is_set("trusted") or entry.is_set("allow-insecure")),
                    own_key=bool(entry.options.get("signed-by")),
                    tls_checked="Acquire::https::Verify-Peer" not in loose,
                )
            )
    return PackageSources("apt", sources[: limits.MAX_FACT_LIST], loose, shared_keys)


def _says(value: str, bad: bool) -> bool:
    return value.casefold() in (apt_sources.TRUE if bad else apt_sources.FALSE)


def _through(where: Address, configuration: apt_configuration.Configuration) -> str:
    """The proxy for the source's scheme, for one host first: `Acquire::http::Proxy::host`; DIRECT means none."""
    if not where.host:
        return ""
    name = f"Acquire::{where.scheme}::Proxy"
    proxy = configuration.get(f"{name}::{where.host}") or configuration.get(name)
    if not proxy and where.scheme == "https":
        proxy = configuration.get(f"Acquire::http::Proxy::{where.host}") or configuration.get(
            "Acquire::http::Proxy"
        )
    if not proxy or proxy.upper() == "DIRECT":
        return where.host
    return address(proxy if "://" in proxy else f"http://{proxy}").host or where.host


def rpm(
    manager: rpm_repositories.Manager, main: list[ini.Entry], repositories: list[rpm_repositories.Repository]
) -> PackageSources:
    """The fact from dnf's or zypper's main settings and repositories."""
    defaults = {entry.key: entry.value for entry in main if entry.section == "main"}
    sources: list[PackageSource] = []
    for repository in repositories:
        settings = rpm_repositories.Settings(manager, defaults, repository.values)
        if settings.enabled:
            where = address(repository.url)
            proxy = settings.proxy
            through = address(proxy).host if proxy and where.host else where.host
            sources.append(
                PackageSource(
                    name=bounded(repository.name),
                    scheme=where.scheme,
                    host=where.host,
                    through=through,
                    reach=reach(where.host),
                    through_reach=reach(through),
                    signed=settings.signed,
                    own_key=bool(repository.values.get("gpgkey")),
                    tls_checked=settings.tls_checked and "ssl_verify=no" not in repository.url,
                )
            )
    loose = rpm_repositories.Settings(manager, defaults, {}).loose
    return PackageSources(manager, sources[: limits.MAX_FACT_LIST], loose, [])


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PackageSources, str]:
    """Topic package.sources. Raises CouldNotLook(permission-denied) for files that are closed to ordinary users."""
    if host.exists("etc/apt") and host.exists("var/lib/dpkg"):
        return apt(apt_configuration.read(host), _apt_entries(host), _shared_keys(host)), "etc/apt"
    if host.exists("etc/zypp"):
        return rpm("zypper", _main(host, ZYPP_FILES), _repositories(host, (ZYPP_FOLDER,))), ZYPP_FOLDER
    if any(host.exists(path) for path in DNF_FILES):
        return rpm("dnf", _main(host, DNF_FILES[:1]), _repositories(host, DNF_FOLDERS)), "etc/yum.repos.d"
    return PackageSources("none", [], [], []), "etc/apt, etc/dnf, etc/zypp"


def _apt_entries(host: Host) -> list[apt_sources.Entry]:
    found = apt_sources.one_line(host.text(APT_FILE) or "")
    for name in _some(host.names(APT_FOLDER)):
        path = f"{APT_FOLDER}/{name}"
        if name.endswith(".list"):
            found += apt_sources.one_line(host.text(path) or "")
        elif name.endswith(".sources"):
            found += apt_sources.deb822(host.text(path) or "")
    return found


def _shared_keys(host: Host) -> list[str]:
    """Keyrings of all sources that are in no list of a keyring package."""
    names = [name for name in host.names("etc/apt/trusted.gpg.d") if name.endswith((".gpg", ".asc"))]
    owned: set[str] = set()
    if names:
        for name in host.names("var/lib/dpkg/info", limit=200_000):
            if name.endswith(".list") and "keyring" in name:
                owned.update(host.lines(f"var/lib/dpkg/info/{name}"))
    keys = [f"/etc/apt/trusted.gpg.d/{as_text(name)}" for name in names]
    status = host.stat("etc/apt/trusted.gpg")
    # an empty keyring has a head of 32 bytes (keybox) or none
    first = ["/etc/apt/trusted.gpg"] if status is not None and status.st_size > 32 else []
    return [bounded(key) for key in (*first, *keys) if key not in owned]


def _main(host: Host, paths: tuple[str, ...]) -> list[ini.Entry]:
    return [entry for path in paths for entry in ini.parse(host.text(path) or "", fold=True)]


def _repositories(host: Host, folders: tuple[str, ...]) -> list[rpm_repositories.Repository]:
    found: list[rpm_repositories.Repository] = []
    for folder in folders:
        for name in _some(host.names(folder)):
            if name.endswith(".repo"):
                found += rpm_repositories.parse(host.text(f"{folder}/{name}") or "")
    return found


def _some(names: list[str]) -> list[str]:
    if len(names) > MAX_FILES:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_FILES} files of package sources")
    return names
