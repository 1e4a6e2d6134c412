"""time.sources: where the time comes from, how sure that is, and whether this machine hands it on. Which clients there
are is known to `time_sync`.

Sources: chrony.conf(5) (`nts`, `key`, `maxsources`, `allow`, `port`, `user`), ntp.conf(5) of ntpsec and ntp (`nts`,
`key`, `restrict`), ntpd.conf(5) of OpenNTPD (`listen on`), timesyncd.conf(5): it speaks plain SNTP and serves nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.system import TimeSource, TimeSources

from ...formats.directives import Directive
from ...host import Host
from ...untrusted import as_text, bounded, without_userinfo
from . import time_sync

POOL: Final = 4
"""Servers taken from a pool: maxsources of chrony.conf(5); ntpd takes as many or more."""
Client = Literal["chrony", "systemd-timesyncd", "ntpsec", "ntp", "openntpd"]


def source(word: str, arguments: Sequence[str]) -> TimeSource | None:
    """The source that a line of chrony.conf or ntp.conf names; None if it names none. A key 0 is no key."""
    if word not in ("server", "pool", "peer", "servers") or not arguments:
        return None
    options = [option.lower() for option in arguments[1:]]
    count = POOL if word in ("pool", "servers") else 1
    if "maxsources" in options[:-1]:
        number = options[options.index("maxsources") + 1]
        count = min(int(number), 16) if re.fullmatch(r"\d{1,3}", number) else count
    key = options[options.index("key") + 1] if "key" in options[:-1] else "0"
    return TimeSource(
        name=bounded(without_userinfo(as_text(arguments[0]))),
        servers=max(1, count),
        authenticated="nts" in options or key != "0",
        nts="nts" in options,
    )


def chrony_serves(told: Iterable[Directive]) -> bool:
    """An `allow` that a later `deny all` or `port 0` does not take back."""
    allowed, port = False, "123"
    for word, arguments, _ in told:
        if word == "allow":
            allowed = True
        elif word == "deny" and (not arguments or arguments[0] == "all"):
            allowed = False
        elif word == "port" and arguments:
            port = arguments[0]
    return allowed and port != "0"


def ntpd_serves(told: Iterable[Directive]) -> bool:
    """No `restrict default` with noserve or ignore, and no `interface ignore`: ntpd answers whoever asks."""
    for word, arguments, _ in told:
        if word == "restrict" and "default" in arguments and {"noserve", "ignore"} & set(arguments):
            return False
        if word == "interface" and arguments[:2] in (("ignore", "wildcard"), ("ignore", "all")):
            return False
    return True


def openntpd_serves(told: Iterable[Directive]) -> bool:
    """It answers where it is told to listen."""
    return any(directive.name == "listen" for directive in told)


_SERVES: Final[dict[Client, Callable[[list[Directive]], bool]]] = {
    "chrony": chrony_serves,
    "systemd-timesyncd": lambda told: False,
    "ntpsec": ntpd_serves,
    "openntpd": openntpd_serves,
    "ntp": ntpd_serves,
}


def gather(host: Host, selector: tuple[str, ...]) -> tuple[TimeSources, str]:
    """Topic time.sources: of the client that is active, else of the first one installed."""
    installed = [client.name for client in time_sync.installed(host)]
    first = [*time_sync.active(host), *installed] if installed else []
    client = next((name for wanted in first for name in _SERVES if name == wanted), None)
    if client is None:
        return TimeSources(client="none"), "programs"
    texts = time_sync.configuration(host, client)
    told = [directive for text in texts for directive in time_sync.parse(text)]
    if client == "systemd-timesyncd":
        names = time_sync.timesyncd_servers(texts)
        found = [
            TimeSource(bounded(without_userinfo(as_text(name))), 1, authenticated=False, nts=False)
            for name in names
        ]
    else:
        found = [made for word, arguments, _ in told if (made := source(word, arguments)) is not None]
    users = [arguments[0] for word, arguments, _ in told if word == "user" and arguments]
    return (
        TimeSources(
            client=client,
            sources=found[: limits.MAX_FACT_LIST],
            servers=sum(made.servers for made in found),
            serves=_SERVES[client](told),
            as_root=client == "chrony" and users[-1:] == ["root"],
        ),
        "chrony.conf, timesyncd.conf, ntp.conf, ntpd.conf",
    )
