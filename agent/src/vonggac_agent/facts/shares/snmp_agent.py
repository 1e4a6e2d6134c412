"""snmp.agent: who may ask and change what by SNMP, snmpd.conf(5). Communities are passwords: none leaves the parser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.shares import SnmpAgent, SnmpCommunity, SnmpUser

from ...formats import directives, includes
from ...formats.directives import Directive
from ...formats.lines import within
from ...host import Host
from ...untrusted import bounded

PROGRAMS: Final = ("usr/sbin/snmpd", "usr/local/sbin/snmpd")
CONFIGS: Final = ("etc/snmp/snmpd.conf", "etc/snmp/snmpd.local.conf")
KEPT: Final = ("var/lib/snmp/snmpd.conf", "var/lib/net-snmp/snmpd.conf")
"""Where snmpd itself writes the users it was told to create: Debian; Red Hat and SUSE."""
FOLDER: Final = "etc/snmp"
_INCLUDES: Final = ("includefile", "includedir", "includesearch", "includeallfile")
DEFAULT_WORDS: Final = frozenset(
    (
        "admin", "agent", "cisco", "community", "default", "guest", "manager", "monitor", "network", "password",
        "private", "public", "read", "read-only", "readonly", "readwrite", "ro", "root", "rw", "secret", "security",
        "snmp", "snmpd", "snmptrap", "system", "test", "write", "zabbix",
    )
)  # fmt: skip
"""Words that scanners try first, in lower case; this project's own list."""
SHORTEST: Final = 12
"""Characters from which a community is not called short; this project's own."""
EVERYWHERE: Final = frozenset({"", "default", "0.0.0.0/0", "0.0.0.0", "::/0", "::"})  # noqa: S104 - compared with
MD5: Final = (".1.3.6.1.6.3.10.1.1.2",)
DES: Final = (".1.3.6.1.6.3.10.1.2.2",)
"""usmHMACMD5AuthProtocol and usmDESPrivProtocol, RFC 3414 section 5."""
Level = Literal["none", "auth", "priv"]
LEVELS: Final[dict[str, Level]] = {
    "noauth": "none",
    "noauthnopriv": "none",
    "auth": "auth",
    "authnopriv": "auth",
    "priv": "priv",
    "authpriv": "priv",
}
ANY: Final = "any"
"""The security model of an access that holds in every one, snmpd.conf(5)."""
Read = Callable[[str], list[str]]


class _Access(NamedTuple):
    level: Level
    write: bool
    model: str


Lets = dict[tuple[str, str], dict[_Access, None]]
"""Group and security model to what it is let do, in the order of the file."""


def parse(text: str, included: Callable[[Directive], Iterable[str]]) -> list[Directive]:
    """Directives of a file and of all that it includes, in order.

    `included` gives the texts that an include directive draws in. Raises ValueError as `includes.put_in` does.
    """

    def drawn(directive: Directive) -> Iterable[str] | None:
        return included(directive) if directive.name in _INCLUDES else None

    return list(includes.put_in(text, _directives, drawn, "snmpd.conf"))


def _directives(text: str) -> list[Directive]:
    return directives.parse(within(text), inline=True)


def describe(found: list[Directive]) -> SnmpAgent:
    """The agent by its directives."""
    accesses = list(_accesses(found))
    users = [*_users(found), *_vacm_users(found, accesses)]
    addresses = [
        bounded(a)
        for d in found
        if d.name == "agentaddress"
        for a in d.value.replace(" ", ",").split(",")
        if a
    ]
    return SnmpAgent(
        installed=True,
        communities=[*_communities(found), *_vacm_communities(found, accesses)][: limits.MAX_FACT_LIST],
        users=users[: limits.MAX_FACT_LIST],
        weak_users=sorted(set(_weak(found)))[: limits.MAX_FACT_LIST],
        addresses=addresses[: limits.MAX_FACT_LIST],
        every_address=not addresses or any(_open(address) for address in addresses),
    )


def _communities(found: list[Directive]) -> Iterator[SnmpCommunity]:
    for d in found:
        if d.name in ("rocommunity", "rwcommunity", "rocommunity6", "rwcommunity6") and d.arguments:
            source = d.arguments[1] if len(d.arguments) > 1 else ""
            yield _community(
                d.arguments[0], source, write=d.name.startswith("rw"), limited=len(d.arguments) > 2
            )
        elif d.name == "authcommunity" and len(d.arguments) > 1:
            source = d.arguments[2] if len(d.arguments) > 2 else ""
            types = d.arguments[0].lower().split(",")
            yield _community(d.arguments[1], source, write="write" in types, limited=len(d.arguments) > 3)


def _community(word: str, source: str, *, write: bool, limited: bool) -> SnmpCommunity:
    everyone = source.lower() in EVERYWHERE
    return SnmpCommunity(
        write=write,
        default_word=word.lower() in DEFAULT_WORDS,
        short=len(word) < SHORTEST,
        source="" if everyone else bounded(source),
        everyone=everyone,
        limited_view=limited,
    )


def _accesses(found: list[Directive]) -> Iterator[tuple[str, _Access]]:
    """Group to what `access GROUP CONTEXT MODEL LEVEL PREFIX READ WRITE NOTIFY` lets it do."""
    for d in found:
        if d.name == "access" and len(d.arguments) >= 7:
            group, _, model, level = d.arguments[:4]
            write = d.arguments[6].lower() not in ("none", '""', "")
            yield group, _Access(LEVELS.get(level.lower(), "auth"), write, model.lower())
        elif d.name == "authaccess" and len(d.arguments) >= 4:
            types, group = d.arguments[0].lower().split(","), d.arguments[1]
            rest = [word for word in d.arguments[2:] if word != "-s"]
            yield group, _Access(_level(rest), "write" in types, "any")


def _level(words: Iterable[str]) -> Level:
    return next((LEVELS[word.lower()] for word in words if word.lower() in LEVELS), "auth")


def _groups(found: list[Directive]) -> Iterator[tuple[str, str, str]]:
    """(group, security model, security name) of `group GROUP MODEL NAME`."""
    for d in found:
        if d.name == "group" and len(d.arguments) >= 3:
            yield d.arguments[0], d.arguments[1].lower(), d.arguments[2]


def _lets(accesses: Iterable[tuple[str, _Access]]) -> Lets:
    """What each group is let do in each model, each thing once: no more than a group can be let."""
    lets: Lets = {}
    for group, access in accesses:
        model = ANY if access.model in ("", '""') else access.model
        lets.setdefault((group, model), {})[access] = None
    return lets


def _of_group(lets: Lets, group: str, model: str) -> list[_Access]:
    return list({**lets.get((group, ANY), {}), **lets.get((group, model), {})})


def _vacm_communities(found: list[Directive], accesses: list[tuple[str, _Access]]) -> Iterator[SnmpCommunity]:
    lets = _lets(accesses)
    granted: dict[str, bool] = {}
    for group, model, name in _groups(found):
        if model in ("v1", "v2c", "any"):
            writes = [a.write for a in _of_group(lets, group, model)]
            if writes:
                granted[name] = granted.get(name, False) or any(writes)
    for d in found:
        if d.name not in ("com2sec", "com2sec6"):
            continue
        words = d.arguments[2:] if d.arguments[:1] == ("-Cn",) else d.arguments
        if len(words) >= 3 and words[0] in granted:
            yield _community(words[2], words[1], write=granted[words[0]], limited=True)


def _users(found: list[Directive]) -> Iterator[SnmpUser]:
    """rouser and rwuser [-s MODEL] NAME [LEVEL [OID | -V VIEW]]; without a level: auth."""
    for d in found:
        words = d.arguments[2:] if d.arguments[:1] == ("-s",) else d.arguments
        if d.name in ("rouser", "rwuser") and words:
            level = LEVELS.get(words[1].lower(), "auth") if len(words) > 1 else "auth"
            yield SnmpUser(bounded(words[0]), level, d.name == "rwuser")
        elif d.name == "authuser" and len(words) > 1:
            yield SnmpUser(bounded(words[1]), _level(words[2:]), "write" in words[0].lower().split(","))


def _vacm_users(found: list[Directive], accesses: list[tuple[str, _Access]]) -> Iterator[SnmpUser]:
    lets = _lets(accesses)
    for group, model, name in _groups(found):
        if model in ("usm", "tsm", "ksm"):
            for access in _of_group(lets, group, model):
                yield SnmpUser(bounded(name), access.level, access.write)


def _weak(found: list[Directive]) -> Iterator[str]:
    """Names of createUser [-e ID] NAME (MD5|SHA…) … [DES|AES], and of the usmUser lines that snmpd makes of them.

    usmUser: status, storage, engine id, name, security name, clone, auth protocol, key, priv protocol, key, public.
    """
    for d in found:
        words = d.arguments[2:] if d.arguments[:1] == ("-e",) else d.arguments
        if d.name == "createuser" and words:
            kinds = {word.upper() for word in words[1:] if word.upper() in ("MD5", "DES")}
            if kinds:
                yield bounded(words[0])
        elif d.name == "usmuser" and len(words) >= 10 and set(words[5:]) & {*MD5, *DES}:
            yield _plain(words[3])


def _plain(word: str) -> str:
    """A name as snmpd keeps it: 0x and hexadecimal digits with a closing zero byte, or the name itself."""
    if word.startswith("0x"):
        try:
            return bounded(bytes.fromhex(word[2:]).rstrip(b"\0").decode("utf-8", "replace"))
        except ValueError:
            return bounded(word)
    return bounded(word.strip('"'))


def _open(address: str) -> bool:
    """The address has no host, or one that means all: 161, udp:161, udp6:[::]:161, tcp:0.0.0.0:161."""
    kind, separator, rest = address.partition(":")
    if kind.lower() in ("unix", "stdin", "ssh", "alias", "pcap"):
        return False
    if separator and kind.lower() in (
        "udp",
        "tcp",
        "udp6",
        "tcp6",
        "udpipv6",
        "tcpipv6",
        "dtlsudp",
        "tlstcp",
        "udpv6",
        "tcpv6",
    ):
        address = rest
    host = address.partition("]")[0].lstrip("[") if address.startswith("[") else address.partition(":")[0]
    return host in ("", "0.0.0.0", "::", "*") or host.isdigit()  # noqa: S104 - compared with


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SnmpAgent, str]:
    """Topic snmp.agent. Raises CouldNotLook: permission-denied for all but root."""
    if not any(host.exists(program) for program in PROGRAMS):
        return SnmpAgent(installed=False), CONFIGS[0]

    def included(directive: Directive) -> Iterator[str]:
        for argument in directive.arguments:
            place = argument if argument.startswith("/") else f"{FOLDER}/{argument}"
            paths = host.glob(f"{place}/*.conf") if directive.name == "includedir" else [place]
            yield from (host.text(path) or "" for path in paths[: includes.MAX_FILES])

    texts = [host.text(path) or "" for path in (*CONFIGS, *KEPT)]
    return describe([d for text in texts for d in parse(text, included)]), ", ".join((*CONFIGS, *KEPT))
