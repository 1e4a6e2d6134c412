"""Reads the SSH server's settings: its files, sshd_config(5), and what `sshd -T` prints, sshd(8). Pure.

The first value of a keyword wins; what stands in Match blocks holds only for some and is kept apart, for `sshd_match`.
Only "Match all" holds for everybody: its values win over those outside of all blocks, as `sshd -T` says.
Where the settings come from is the work of `sshd_effective`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, TypeVar

from vonggac_contract import limits
from vonggac_contract.facts.access import SshdEffective

from ...untrusted import bounded
from .sshd_defaults import DEFAULT_KEY_FILES, DEFAULT_LISTS, DEFAULTS, IN_MATCH

MAX_DEPTH: Final = 16
"""sshd_config(5) Include: SERVCONF_MAX_DEPTH of OpenSSH."""
MAX_LINES: Final = 20_000
MAX_OUTER_WORDS: Final = 64
"""Words of a Match line that the blocks of the files it includes are told with."""
_SEPARATOR: Final = re.compile(r"^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)$", re.DOTALL)
_WORD: Final = re.compile(r'"([^"]*)"|(\S+)')
_SPAN: Final = re.compile(r"(\d{1,9})([smhdw]?)", re.IGNORECASE)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_OLD_NAMES: Final = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "keepalive": "tcpkeepalive",
}
"""Synonyms that OpenSSH 9.2 still takes (servconf.c)."""
_ADDING: Final = (
    "allowusers",
    "allowgroups",
    "denyusers",
    "denygroups",
    "port",
    "listenaddress",
    "hostkey",
    "maxstartups",
)
"""Keywords whose lines add up, sshd_config(5); those of MaxStartups are all kept, see `_startups`."""
_WHOLE: Final = ("allowusers", "allowgroups", "denyusers", "denygroups", "banner")
"""Keywords of which `sshd -T` prints one value on each line, with its blanks but without the quotes of the file."""
TUNNELS: Final[tuple[Literal["yes", "no", "point-to-point", "ethernet"], ...]] = (
    "yes",
    "no",
    "point-to-point",
    "ethernet",
)
GATEWAYS: Final[tuple[Literal["yes", "no", "clientspecified"], ...]] = ("yes", "no", "clientspecified")

Read = Callable[[str], Iterable[Iterable[str]]]
"""The files that a pattern of Include names, in order, each as its lines."""
T = TypeVar("T", bound=str)


class Block(NamedTuple):
    """A Match block: its criteria as written, and the first words of each keyword in it."""

    criteria: list[str]
    words: dict[str, list[str]]


_OUTSIDE: Final = Block([], {})
"""No block: the lines before the first one."""


class Settings:
    """Keywords in lower case with the words of their lines; the first line wins but for those that add up.

    `for_all` are those of "Match all" blocks that a block may set: the server reads its files once for itself and once
    for each connection, and what it finds in matching blocks the second time replaces what it had (servconf.c).
    """

    def __init__(self) -> None:
        self.words: dict[str, list[list[str]]] = {}
        self.for_all: dict[str, list[list[str]]] = {}
        self.blocks: list[Block] = []
        self.lines = 0

    @property
    def match_blocks(self) -> int:
        """How many Match blocks there are."""
        return len(self.blocks)

    def add(self, keyword: str, words: list[str]) -> None:
        """Keep the line unless its keyword has its value already."""
        _keep(self.words, keyword, words)

    def add_in(self, block: Block | None, keyword: str, words: list[str]) -> None:
        """Keep the line of a block; None is a block that holds for everybody.

        A value that an earlier "Match all" gave stays, and the block's own is never used.
        """
        if block is None:
            self.add(keyword, words)
            if keyword in IN_MATCH:
                _keep(self.for_all, keyword, words)
        elif keyword in _ADDING or keyword not in self.for_all:
            block.words.setdefault(keyword, words)

    def one(self, keyword: str) -> str:
        """The first word of the keyword's value, or its default."""
        lines = self.words.get(keyword)
        return lines[0][0] if lines and lines[0] else DEFAULTS.get(keyword, "")

    def all(self, keyword: str) -> list[str]:
        """Every word of every line of the keyword."""
        return [word for line in self.words.get(keyword, []) for word in line]


def _keep(kept: dict[str, list[list[str]]], keyword: str, words: list[str]) -> None:
    if keyword not in kept or keyword in _ADDING:
        kept.setdefault(keyword, []).append(words)


def parse(lines: Iterable[str], read: Read) -> Settings:
    """The settings of a file with its includes. Raises ValueError for includes deeper or lines more than the bounds."""
    settings = Settings()
    _walk(lines, read, settings, outer=_OUTSIDE, depth=0)
    settings.words.update(settings.for_all)
    return settings


def _walk(lines: Iterable[str], read: Read, settings: Settings, *, outer: Block | None, depth: int) -> None:
    """A Match block ends with its file, also for the file that includes it.

    `outer` is the block that includes the file. Blocks of an included file hold only where that one holds too, so that
    "Match all" in there is no more than `outer`. None holds for everybody, `_OUTSIDE` is outside of all blocks.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"the includes of sshd_config go deeper than {MAX_DEPTH}")
    block = outer
    for line in lines:
        settings.lines += 1
        if settings.lines > MAX_LINES:
            raise ValueError(f"sshd_config with its includes is over {MAX_LINES} lines")
        keyword, words = split(line)
        if keyword == "match":
            block = _block(words, settings, outer)
        elif keyword == "include":
            for pattern in words:
                for included in read(pattern):
                    _walk(included, read, settings, outer=block, depth=depth + 1)
        elif keyword and words and block is _OUTSIDE:
            settings.add(_OLD_NAMES.get(keyword, keyword), words)
        elif keyword and words:
            settings.add_in(block, _OLD_NAMES.get(keyword, keyword), words)


def _block(words: list[str], settings: Settings, outer: Block | None) -> Block | None:
    """What a Match line in a file that `outer` includes begins."""
    if [word.lower() for word in words] == ["all"]:
        return None if outer is _OUTSIDE else outer
    block = Block([*(outer.criteria[:MAX_OUTER_WORDS] if outer else ()), *words], {})
    settings.blocks.append(block)
    return block


def split(line: str) -> tuple[str, list[str]]:
    """Keyword in lower case, and its words; ("", []) for an empty line or a comment."""
    match = _SEPARATOR.match(line)
    if match is None or line.lstrip().startswith("#"):
        return "", []
    words: list[str] = []
    for word in _WORD.finditer(match[2]):
        if word[2] is not None and word[2].startswith("#"):
            break
        words.append(word[1] if word[1] is not None else word[2])
    return match[1].lower(), words


def told(text: str) -> Settings:
    """The settings that `sshd -T` printed."""
    settings = Settings()
    for line in text.split("\n"):
        keyword, words = split(line)
        if keyword in _WHOLE:
            words = [line.lstrip().partition(" ")[2]]
        if keyword and words:
            settings.add(_OLD_NAMES.get(keyword, keyword), words)
    return settings


def describe(
    settings: Settings, obtained: Literal["effective", "parsed"], match_blocks: int
) -> SshdEffective:
    """The fact. Raises ValueError for a value that sshd would refuse too."""
    one = settings.one
    root = one("permitrootlogin").lower()
    under_way = _startups(settings)
    return SshdEffective(
        obtained=obtained,
        permitrootlogin=_choice(
            "permitrootlogin",
            "prohibit-password" if root == "without-password" else root,
            ("yes", "no", "prohibit-password", "forced-commands-only"),
        ),
        passwordauthentication=_flag(settings, "passwordauthentication"),
        kbdinteractiveauthentication=_flag(settings, "kbdinteractiveauthentication"),
        pubkeyauthentication=_flag(settings, "pubkeyauthentication"),
        permitemptypasswords=_flag(settings, "permitemptypasswords"),
        x11forwarding=_flag(settings, "x11forwarding"),
        allowtcpforwarding=_choice(
            "allowtcpforwarding",
            {"all": "yes"}.get(one("allowtcpforwarding").lower(), one("allowtcpforwarding").lower()),
            ("yes", "no", "local", "remote"),
        ),
        permituserenvironment=bounded(one("permituserenvironment")),
        ignorerhosts=_choice("ignorerhosts", one("ignorerhosts").lower(), ("yes", "no", "shosts-only")),
        hostbasedauthentication=_flag(settings, "hostbasedauthentication"),
        usepam=_flag(settings, "usepam"),
        maxauthtries=_number(settings, "maxauthtries"),
        maxsessions=_number(settings, "maxsessions"),
        logingracetime=seconds(one("logingracetime")),
        clientaliveinterval=seconds(one("clientaliveinterval")),
        clientalivecountmax=_number(settings, "clientalivecountmax"),
        loglevel=bounded(one("loglevel").upper()),
        banner=bounded(one("banner")),
        ports=ports(settings),
        ciphers=algorithms(settings, "ciphers"),
        macs=algorithms(settings, "macs"),
        kexalgorithms=algorithms(settings, "kexalgorithms"),
        hostkeyalgorithms=algorithms(settings, "hostkeyalgorithms"),
        allowusers=_names(settings, "allowusers"),
        allowgroups=_names(settings, "allowgroups"),
        match_blocks=match_blocks,
        allowagentforwarding=_flag(settings, "allowagentforwarding"),
        permittunnel=_choice("permittunnel", one("permittunnel").lower(), TUNNELS),
        gatewayports=_choice("gatewayports", one("gatewayports").lower(), GATEWAYS),
        disableforwarding=_flag(settings, "disableforwarding"),
        strictmodes=_flag(settings, "strictmodes"),
        permituserrc=_flag(settings, "permituserrc"),
        gssapiauthentication=_flag(settings, "gssapiauthentication"),
        startups_begin=max(begin for begin, _ in under_way),
        startups_full=max(full for _, full in under_way),
        authenticationmethods=[
            bounded(m) for m in settings.all("authenticationmethods")[: limits.MAX_FACT_LIST]
        ]
        or ["any"],
        denyusers=_names(settings, "denyusers"),
        denygroups=_names(settings, "denygroups"),
        authorizedkeysfile=_names(settings, "authorizedkeysfile") or list(DEFAULT_KEY_FILES),
        keys_command=one("authorizedkeyscommand").lower() != "none",
        user_authorities=one("trustedusercakeys").lower() != "none",
    )


def _choice(keyword: str, value: str, choices: tuple[T, ...]) -> T:
    for choice in choices:
        if choice == value:
            return choice
    raise ValueError(f"{keyword} is {value[:80]!r}")


def _flag(settings: Settings, keyword: str) -> bool:
    return _choice(keyword, settings.one(keyword).lower(), ("yes", "no")) == "yes"


def _number(settings: Settings, keyword: str) -> int:
    value = settings.one(keyword)
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError(f"{keyword} is {value[:80]!r}")
    return int(value)


def _names(settings: Settings, keyword: str) -> list[str]:
    return [bounded(name) for name in settings.all(keyword)[: limits.MAX_FACT_LIST]]


def _startups(settings: Settings) -> list[tuple[int, int]]:
    """Of every MaxStartups line. OpenSSH 9.2 takes the last, later releases the first: any of them may be in force."""
    lines = settings.words.get("maxstartups") or [[DEFAULTS["maxstartups"]]]
    return [startups(line[0]) for line in lines]


def startups(value: str) -> tuple[int, int]:
    """MaxStartups, sshd_config(5): logins under way from which some, and at which all new ones are turned away.

    `full`, or `begin:chance:full`. Raises ValueError otherwise.
    """
    match = re.fullmatch(r"([0-9]{1,9})(?::[0-9]{1,3}:([0-9]{1,9}))?", value)
    if match is None:
        raise ValueError(f"maxstartups is {value[:80]!r}")
    return int(match[1]), int(match[2] or match[1])


def seconds(value: str) -> int:
    """A time of sshd_config(5) "TIME FORMATS" in seconds: `120`, `2m`, `1h30m`. Raises ValueError otherwise."""
    total, place = 0, 0
    for match in _SPAN.finditer(value):
        if match.start() != place:
            break
        total += int(match[1]) * _SECONDS[match[2].lower()]
        place = match.end()
    if not value or place != len(value):
        raise ValueError(f"no length of time: {value[:80]!r}")
    return total


def ports(settings: Settings) -> list[int]:
    """Ports it listens on: those of ListenAddress lines that name one, else every Port; 22 if nothing is set."""
    named = [_port(value) for value in settings.all("port")] or [22]
    found: list[int] = []
    for line in settings.words.get("listenaddress", []):
        port = _port_of_address(line[0])
        found.extend(named if port is None else [port])
    return sorted(set(found or named))


def _port_of_address(address: str) -> int | None:
    match = re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]+):([0-9]{1,5})", address)
    return None if match is None else _port(match[1])


def _port(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 0 < int(value) < 65_536:
        raise ValueError(f"no port: {value[:80]!r}")
    return int(value)


def algorithms(settings: Settings, keyword: str) -> list[str]:
    """The list in force. `+` adds to the defaults, `-` takes away by pattern, `^` puts first, sshd_config(5)."""
    lines = settings.words.get(keyword)
    written = lines[0][0] if lines and lines[0] else ""
    defaults = list(DEFAULT_LISTS[keyword])
    named = [name for name in written.lstrip("+-^").split(",") if name]
    if not named:
        return defaults
    if written.startswith("+"):
        result = [*defaults, *named]
    elif written.startswith("^"):
        result = [*named, *defaults]
    elif written.startswith("-"):
        result = [name for name in defaults if not any(fnmatch.fnmatchcase(name, p) for p in named)]
    else:
        result = named
    return list(dict.fromkeys(bounded(name) for name in result[: limits.MAX_FACT_LIST]))


def listed(pattern: str, folder: str) -> tuple[str, str]:
    """An Include pattern as (directory, pattern of the name), relative to the root; a bare name is in `folder`.

    Wildcards count in the last part of the path only.
    """
    path = pattern if pattern.startswith("/") else f"{folder}/{pattern}"
    directory, _, name = path.lstrip("/").rpartition("/")
    return directory, name
