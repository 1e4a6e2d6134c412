"""samba.server: the file server's settings from smb.conf(5), includes and copies followed. testparm is not run.

Values are read as lib/param/param_table.c of Samba's source has them (which words mean yes, auto or required).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.shares import SambaServer, SambaShare, Wish

from ...formats import ini
from ...formats.lines import within
from ...host import Host
from ...untrusted import bounded
from ..packages import package_inventory

PROGRAMS: Final = ("usr/sbin/smbd", "usr/local/samba/sbin/smbd")
CONFIG: Final = "etc/samba/smb.conf"
MAX_DEPTH: Final = 8
MAX_FILES: Final = 200
MAX_ENTRIES: Final = 200_000
SMB1: Final = frozenset({"CORE", "COREPLUS", "LANMAN1", "LANMAN2", "NT1"})
SMB2_DEFAULT_SINCE: Final = (4, 11)
"""Release notes of Samba 4.11.0, "SMB1 is disabled by default"."""
YES: Final = frozenset({"yes", "true", "1", "on"})
NO: Final = frozenset({"no", "false", "0", "off"})
REQUIRED: Final = frozenset({"required", "mandatory", "force", "forced", "enforced"})
OFF: Final = NO | {"disabled"}
CONTROLLER: Final = frozenset(
    {"active directory domain controller", "domain controller", "dc", "classic primary domain controller"}
)
GUESTS: Final[dict[str, Literal["never", "bad user", "bad password", "bad uid"]]] = {
    "never": "never",
    "bad user": "bad user",
    "bad password": "bad password",
    "bad uid": "bad uid",
}
SYNONYMS: Final = {
    "min protocol": "server min protocol",
    "protocol": "server max protocol",
    "smb encrypt": "server smb encrypt",
    "allow hosts": "hosts allow",
    "public": "guest ok",
    "writable": "writeable",
    "write ok": "writeable",
    "print ok": "printable",
    "debuglevel": "log level",
    "directory": "path",
    "only guest": "guest only",
    "vfs object": "vfs objects",
}
"""smb.conf(5): "This parameter is a synonym for …"."""
_LEVEL: Final = re.compile(r"(?:(\w+):)?(\d{1,3})(?:@\S*)?")

Settings = dict[str, str]
Sections = dict[str, Settings]
Read = Callable[[str], str | None]


def parse(text: str, read: Read) -> tuple[Sections, list[str]]:
    """Section to setting to its last value, names in lower case; and the includes that hang on who connects.

    `read` gives a file that is included, None if it is absent. Raises ValueError for includes that go deeper than
    MAX_DEPTH, or over MAX_FILES files or MAX_ENTRIES settings.
    """
    reader = _Reader(read)
    reader.take(text, "global", 0)
    return reader.sections, reader.unread


class _Reader:
    def __init__(self, read: Read) -> None:
        self.sections: Sections = {"global": {}}
        self.unread: list[str] = []
        self._read = read
        self._files = 0
        self._entries = 0

    def take(self, text: str, section: str, depth: int) -> str:
        """Read one file into `sections`; the section it ends in, where the file that included it goes on."""
        self._files += 1
        if depth > MAX_DEPTH or self._files > MAX_FILES:
            raise ValueError(f"smb.conf includes over {MAX_FILES} files or goes deeper than {MAX_DEPTH}")
        here = ""
        for entry in ini.parse(within(text), fold=True, continuation="\\"):
            self._entries += 1
            if self._entries > MAX_ENTRIES:
                raise ValueError(f"smb.conf has over {MAX_ENTRIES} settings")
            if entry.section != here:
                here = entry.section
                section = here
            settings = self.sections.setdefault(section, {})
            key = " ".join(entry.key.split())
            key = SYNONYMS.get(key, key)
            if key == "include":
                section = self._include(entry.value, section, depth)
            elif key == "copy":
                copied = self.sections.get(entry.value.lower(), {})
                settings |= {name: value for name, value in copied.items() if name not in settings}
            elif key == "read only":
                settings["writeable"] = "no" if _bool(entry.value) is not False else "yes"
            else:
                settings[key] = entry.value
        return section

    def _include(self, value: str, section: str, depth: int) -> str:
        if value.lower() == "registry":
            self.sections["global"]["config backend"] = "registry"
        elif "%" in value:
            self.unread.append(bounded(value))
        elif (text := self._read(value)) is not None:
            return self.take(text, section, depth + 1)
        return section


def _bool(value: str) -> bool | None:
    word = value.strip().lower()
    return True if word in YES else False if word in NO else None


def _is(settings: Settings, key: str, default: bool = False) -> bool:
    found = _bool(settings.get(key, ""))
    return default if found is None else found


def _words(value: str) -> list[str]:
    """A list of smb.conf: words between blanks and commas, quotes taken off."""
    found = value.replace(",", " ").replace(";", " ").split()
    return [bounded(word.strip('"')) for word in found][: limits.MAX_FACT_LIST]


def _wish(value: str) -> Wish:
    """server smb encrypt: default and if_required mean that a client may ask for it."""
    word = value.strip().lower()
    return "required" if word in REQUIRED else "off" if word in OFF else "desired"


def log_levels(value: str) -> dict[str, int]:
    """Class to level of `log level = 1 auth_audit:3@/var/log/x`; the class "" is everything."""
    found = {"": 0}
    for word in value.split():
        match = _LEVEL.fullmatch(word)
        if match:
            found["" if match[1] in (None, "all") else match[1].lower()] = int(match[2])
    return found


def describe(sections: Sections, version: str | None, unread: list[str]) -> SambaServer:
    """The server by its settings; `version` of the package decides the oldest protocol where none is set."""
    top = sections.get("global", {})
    oldest = top.get("server min protocol", "").strip().upper().replace("DEFAULT", "") or _default_oldest(
        version
    )
    role = top.get("server role", "").strip().lower()
    signing = top.get("server signing", "").strip().lower()
    levels = log_levels(top.get("log level", ""))
    shares = [_share(name, top, own) for name, own in sorted(sections.items()) if name != "global"]
    bound = _is(top, "bind interfaces only")
    hosts, interfaces = _words(top.get("hosts allow", "")), _words(top.get("interfaces", ""))
    return SambaServer(
        installed=True,
        min_protocol=None if oldest is None else bounded(oldest),
        smb1=None if oldest is None else oldest in SMB1,
        signing_required=signing in REQUIRED or (signing in ("", "default") and role in CONTROLLER),
        encryption=_wish(top.get("server smb encrypt", "default")),
        ntlmv1=top.get("ntlm auth", "").strip().lower() in YES | {"ntlmv1-permitted"}
        or _is(top, "lanman auth"),
        map_to_guest=GUESTS.get(" ".join(top.get("map to guest", "never").lower().split()), "never"),
        null_passwords=_is(top, "null passwords"),
        usershare_guests=_is(top, "usershare allow guests"),
        restrict_anonymous=_number(top.get("restrict anonymous", "0")),
        log_level=levels[""],
        auth_audit=levels.get("auth_audit", levels[""]),
        interfaces=interfaces,
        bind_only=bound,
        hosts_allow=hosts,
        shares=shares[: limits.MAX_FACT_LIST],
        limited=bool(hosts)
        or (bound and bool(interfaces))
        or (bool(shares) and all(share.hosts_allow for share in shares)),
        unread=unread[: limits.MAX_FACT_LIST],
    )


def _share(name: str, top: Settings, own: Settings) -> SambaShare:
    both = {**top, **own}  # a share's setting in [global] is the default of every share
    return SambaShare(
        name=bounded(name),
        path=bounded(own.get("path", "")),
        guest=_is(both, "guest ok"),
        writable=_is(both, "writeable"),
        printer=_is(both, "printable"),
        valid_users=_words(both.get("valid users", "")),
        hosts_allow=_words(both.get("hosts allow", "")),
        encryption=_wish(both.get("server smb encrypt", "default")),
        audited=any(
            word.split(":")[0] in ("full_audit", "audit", "extd_audit")
            for word in _words(both.get("vfs objects", ""))
        ),
    )


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _default_oldest(version: str | None) -> str | None:
    """SMB2_02 or LANMAN1 by the version, such as 2:4.17.12+dfsg-0+deb12u1 or 4.19.4-3.el9; None if it is not known."""
    match = re.match(r"(?:\d{1,3}:)?(\d{1,4})\.(\d{1,4})", version or "")
    if match is None:
        return None
    return "SMB2_02" if (int(match[1]), int(match[2])) >= SMB2_DEFAULT_SINCE else "LANMAN1"


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SambaServer, str]:
    """Topic samba.server. Raises CouldNotLook: not-supported, if the settings are kept in Samba's registry."""
    if not any(host.exists(program) for program in PROGRAMS):
        return SambaServer(installed=False), CONFIG
    sections, unread = parse(host.text(CONFIG) or "", host.text)
    if sections["global"].get("config backend", "file").strip().lower() == "registry":
        raise CouldNotLook(Reason.NOT_SUPPORTED, "the settings are kept in Samba's registry, not in smb.conf")
    return describe(sections, next(_versions(host), None), unread), CONFIG


def _versions(host: Host) -> Iterator[str]:
    try:
        packages = package_inventory.look(host).by_name
    except CouldNotLook:
        return
    for name in ("samba", "samba-common", "samba-libs"):
        if name in packages:
            yield packages[name].version
