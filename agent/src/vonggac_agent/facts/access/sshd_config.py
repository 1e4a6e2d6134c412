"""Reads the SSH server's settings: its files, sshd_config(5), and what `sshd -T` prints, sshd(8). Pure.

The first value of a keyword wins; what stands in Match blocks holds only for some and is kept apart, for `sshd_match`.
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

MAX_DEPTH: Final = 16
"""sshd_config(5) Include: SERVCONF_MAX_DEPTH of OpenSSH."""
MAX_LINES: Final = 20_000
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
)
"""Keywords whose lines add up, sshd_config(5)."""
_CURVES: Final = ("256", "384", "521")
_CERTIFICATES: Final = (
    "ssh-ed25519-cert-v01@openssh.com",
    *(f"ecdsa-sha2-nistp{bits}-cert-v01@openssh.com" for bits in _CURVES),
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)
DEFAULT_LISTS: Final[dict[str, tuple[str, ...]]] = {
    "ciphers": (
        "chacha20-poly1305@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
    ),
    "macs": (
        "umac-64-etm@openssh.com",
        "umac-128-etm@openssh.com",
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha1-etm@openssh.com",
        "umac-64@openssh.com",
        "umac-128@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
        "hmac-sha1",
    ),
    "kexalgorithms": (
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        *(f"ecdh-sha2-nistp{bits}" for bits in _CURVES),
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256",
    ),
    "hostkeyalgorithms": (
        *_CERTIFICATES,
        "ssh-ed25519",
        *(f"ecdsa-sha2-nistp{bits}" for bits in _CURVES),
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
}
"""What OpenSSH 9.2 offers where nothing is set (sshd_config(5) of that release, in its order)."""
DEFAULTS: Final[dict[str, str]] = {
    "permitrootlogin": "prohibit-password",
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "pubkeyauthentication": "yes",
    "permitemptypasswords": "no",
    "x11forwarding": "no",
    "allowtcpforwarding": "yes",
    "permituserenvironment": "no",
    "ignorerhosts": "yes",
    "hostbasedauthentication": "no",
    "usepam": "no",
    "maxauthtries": "6",
    "maxsessions": "10",
    "logingracetime": "120",
    "clientaliveinterval": "0",
    "clientalivecountmax": "3",
    "loglevel": "INFO",
    "banner": "none",
    "allowagentforwarding": "yes",
    "permittunnel": "no",
    "gatewayports": "no",
    "disableforwarding": "no",
    "strictmodes": "yes",
    "permituserrc": "yes",
    "gssapiauthentication": "no",
    "maxstartups": "10:30:100",
    "authenticationmethods": "any",
    "authorizedkeyscommand": "none",
    "trustedusercakeys": "none",
    "pubkeyauthoptions": "none",
}
"""Defaults of OpenSSH 9.2, sshd_config(5)."""
DEFAULT_KEY_FILES: Final = (".ssh/authorized_keys", ".ssh/authorized_keys2")
"""sshd_config(5) AuthorizedKeysFile, its default."""

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


class Settings:
    """Keywords in lower case with the words of their lines; the first line wins but for those that add up."""

    def __init__(self) -> None:
        self.words: dict[str, list[list[str]]] = {}
        self.blocks: list[Block] = []
        self.lines = 0

    @property
    def match_blocks(self) -> int:
        """How many Match blocks there are."""
        return len(self.blocks)

    def add(self, keyword: str, words: list[str]) -> None:
        """Keep the line unless its keyword has its value already."""
        if keyword not in self.words or keyword in _ADDING:
            self.words.setdefault(keyword, []).append(words)

    def one(self, keyword: str) -> str:
        """The first word of the keyword's value, or its default."""
        lines = self.words.get(keyword)
        return lines[0][0] if lines and lines[0] else DEFAULTS.get(keyword, "")

    def all(self, keyword: str) -> list[str]:
        """Every word of every line of the keyword."""
        return [word for line in self.words.get(keyword, []) for word in line]


def parse(lines: Iterable[str], read: Read) -> Settings:
    """The settings of a file with its includes. Raises ValueError for includes deeper or lines more than the bounds."""
    settings = Settings()
    _walk(lines, read, settings, block=None, depth=0)
    return settings


def _walk(lines: Iterable[str], read: Read, settings: Settings, *, block: Block | None, depth: int) -> None:
    """A Match block ends with its file, also for the file that includes it."""
    if depth > MAX_DEPTH:
        raise ValueError(f"the includes of sshd_config go deeper than {MAX_DEPTH}")
    for line in lines:
        settings.lines += 1
        if settings.lines > MAX_LINES:
            raise ValueError(f"sshd_config with its includes is over {MAX_LINES} lines")
        keyword, words = split(line)
        if keyword == "match":
            # "Match all" holds for everybody, so that it ends a block instead of being one.
            block = None if [word.lower() for word in words] == ["all"] else Block(words, {})
            if block is not None:
                settings.blocks.append(block)
        elif keyword == "include":
            for pattern in words:
                for included in read(pattern):
                    _walk(included, read, settings, block=block, depth=depth + 1)
        elif keyword and words and block is None:
            settings.add(_OLD_NAMES.get(keyword, keyword), words)
        elif keyword and words and block is not None:
            block.words.setdefault(_OLD_NAMES.get(keyword, keyword), words)


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
        if keyword and words:
            settings.add(_OLD_NAMES.get(keyword, keyword), words)
    return settings


def describe(
    settings: Settings, obtained: Literal["effective", "parsed"], match_blocks: int
) -> SshdEffective:
    """The fact. Raises ValueError for a value that sshd would refuse too."""
    one = settings.one
    root = one("permitrootlogin").lower()
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
        startups_begin=startups(one("maxstartups"))[0],
        startups_full=startups(one("maxstartups"))[1],
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
