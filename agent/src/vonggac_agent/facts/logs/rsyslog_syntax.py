"""Reads rsyslog's configuration in both of its languages: what it writes, where it sends to, where it listens. Pure.

Sources: rsyslog.conf(5); rsyslog's manual: "Configuration Formats", modules omfile, omfwd, omrelp, imudp, imtcp,
imptcp, imrelp, "Legacy Configuration Directives". Selectors are read by `syslog_selector`; other filters stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from vonggac_contract import limits

from ...formats.lines import MAX_LINES
from .rsyslog_items import BRACE, MAX_DEPTH, RULESET, Item, items
from .syslog_selector import WANTED, Taken, taken

MAX_FILES: Final = 1000
MAX_CHARACTERS: Final = 2 * limits.MIB
"""Of all files together; the project's own figure, hundreds of times what real ones hold."""
MAX_ITEMS: Final = 20_000
_UNFINISHED: Final = re.compile(r"(?:^|[\s)])(?:then|else)$", re.IGNORECASE)
"""A line whose statement follows on the next one."""
_DROP: Final = re.compile(r"(?<![\w.$/:-])(?:stop|call|call_indirect)(?![\w./=-])|(?:^|\s)~(?:$|[\s;])")
"""A line that throws messages away, or hands them to a ruleset that may."""
_SELECTOR: Final = re.compile(r"[\w*,;.!=+-]*+")
_TARGET: Final = re.compile(
    r"(@{1,2})(?:\(([^)\n]{0,80})\))?(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._-]++)(?::(\d{1,5}))?"
)
_RELP: Final = re.compile(r":omrelp:(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._-]++)(?::(\d{1,5}))?")
_LISTENERS: Final = {
    "$udpserverrun": ("imudp", "udp"),
    "$inputtcpserverrun": ("imtcp", "tcp"),
    "$inputptcpserverrun": ("imptcp", "tcp"),
    "$inputrelpserverrun": ("imrelp", "relp"),
}
_INPUTS: Final = {"imudp": "udp", "imtcp": "tcp", "imptcp": "tcp", "imrelp": "relp", "imgssapi": "tcp"}
_DEFAULT: Final = "rsyslog_defaultruleset"
"""Everything goes through it that no input sends elsewhere; rsyslog's manual, "Multiple Rulesets in rsyslog"."""
_ENCRYPTED: Final = frozenset(("gtls", "ossl"))


class Written(NamedTuple):
    """A file that is written. `mode` is what a new one gets, umask(2) taken off."""

    selector: str
    path: str
    mode: int


class Sent(NamedTuple):
    """Where logs are sent to. `queued`: a queue that goes to disk holds what could not be sent.

    `auth`, `authpriv`: this facility goes there from info up; None: a filter that was not understood. Empty `selector`:
    everything does.
    """

    host: str
    port: str
    protocol: str
    tls: bool
    verified: bool
    queued: bool
    selector: str = ""
    auth: bool | None = True
    authpriv: bool | None = True


class Heard(NamedTuple):
    """Where it listens; `address` empty for every address."""

    protocol: str
    port: str
    address: str
    tls: bool


class Config(NamedTuple):
    """What a configuration amounts to. `template` is the format of files that name none; empty: rsyslog's own."""

    written: tuple[Written, ...]
    sent: tuple[Sent, ...]
    heard: tuple[Heard, ...]
    template: str


def parse(text: str, read: Callable[[str], Iterable[str]], umask: int = 0) -> Config:
    """What the configuration amounts to. `read` gives the texts of the files that an include's pattern matches.

    `umask` is the one that rsyslogd is started with; its own setting takes its place. Raises ValueError beyond the
    bounds of this module.
    """
    reader = _Reader(read, umask)
    reader.file(text, 0)
    return reader.done()


class _Reader:
    """Goes through the items in order: legacy directives hold for what comes after them."""

    def __init__(self, read: Callable[[str], Iterable[str]], umask: int) -> None:
        self._read, self._umask = read, umask
        self._files = self._size = self._lines = 0
        self._set: dict[str, str] = {}
        self._modules: dict[str, Mapping[str, str]] = {}
        self._global: dict[str, str] = {}
        self._selector = ""
        self._written: list[tuple[str, str, str]] = []
        self._sent: list[tuple[str, str, str, Mapping[str, str], str, Taken, bool]] = []
        self._dropped = Taken(0, 0)
        self._dropped_otherwise = False
        self._unfinished = ""
        self._heard: list[tuple[str, str, str, str, Mapping[str, str]]] = []

    def file(self, text: str, depth: int) -> None:
        self._files += 1
        self._size += len(text)
        self._lines += sum(map(text.count, "\n{}"))
        bounded = self._size <= MAX_CHARACTERS and self._lines <= MAX_LINES
        if depth > MAX_DEPTH or self._files > MAX_FILES or not bounded:
            raise ValueError(
                f"rsyslog's configuration is over {MAX_FILES} files, {MAX_CHARACTERS} characters or {MAX_DEPTH} deep"
            )
        for item in items(text):
            if self._unfinished:
                item = item._replace(blocks=(*item.blocks, self._unfinished))
                self._unfinished = ""
            pattern = item.parameters.get("file", "") if item.name == "include" else ""
            words = item.line.split(None, 1)
            if not item.name and words[0].lower() == "$includeconfig" and len(words) > 1:
                pattern = words[1].strip()
            if pattern:
                for included in self._read(pattern):
                    self.file(included, depth + 1)
            elif item.name:
                self._object(item)
            else:
                self._line(item)
            if len(self._written) + len(self._sent) + len(self._heard) > MAX_ITEMS:
                raise ValueError(f"rsyslog's configuration has over {MAX_ITEMS} files, targets and listeners")

    def _object(self, item: Item) -> None:
        told = item.parameters
        kind = told.get("type", "").lower()
        if item.name == "global":
            self._global |= told
        elif item.name == "module":
            name = told.get("load", "").lower().removeprefix("builtin:")
            self._modules[name] = {**self._modules.get(name, {}), **told}
        elif item.name == "input" and kind in _INPUTS:
            self._heard.append((kind, _INPUTS[kind], told.get("port", ""), told.get("address", ""), told))
        elif item.name == "action":
            self._action(item, kind)

    def _action(self, item: Item, kind: str) -> None:
        told = item.parameters
        if item.line != "&":
            self._selector = item.line
        if kind == "omfile":
            path = told.get("file") or told.get("dynafile", "")
            self._written.append((self._selector, path, told.get("filecreatemode", "module")))
        elif kind in ("omfwd", "omrelp") and told.get("target"):
            protocol = "relp" if kind == "omrelp" else told.get("protocol", "udp").lower()
            self._send(told["target"], told.get("port", ""), protocol, told, item.blocks)
        elif kind == "omdiscard":
            self._drop(item.blocks)

    def _through(self, blocks: tuple[str, ...]) -> Taken | None:
        """What the filters of the blocks and of the line let through; None if one of them is no selector."""
        if self._set.get("$ruleset", _DEFAULT).lower() != _DEFAULT:
            return None
        found = Taken()
        for selector in (*blocks, *([self._selector] if self._selector else [])):
            part = taken(selector)
            if part is None:
                return None
            found = Taken(found.auth & part.auth, found.authpriv & part.authpriv)
        return found

    def _send(
        self, host: str, port: str, protocol: str, told: Mapping[str, str], blocks: tuple[str, ...]
    ) -> None:
        through = self._through(blocks)
        left = (through or Taken()).without(self._dropped)
        sure = through is not None and not self._dropped_otherwise
        self._sent.append((host, port, protocol, told, self._selector, left, sure))

    def _drop(self, blocks: tuple[str, ...], *, whole: bool = True) -> None:
        """Not `whole`: what is thrown away is not understood. What a ruleset throws away is its own."""
        if RULESET in blocks or self._set.get("$ruleset", _DEFAULT).lower() != _DEFAULT:
            return
        gone = self._through(blocks) if whole else None
        if gone is None:
            self._dropped_otherwise = True
        else:
            self._dropped = Taken(self._dropped.auth | gone.auth, self._dropped.authpriv | gone.authpriv)

    def _line(self, item: Item) -> None:
        line = item.line
        if _UNFINISHED.search(line):
            self._unfinished = line
            return
        word, _, rest = line.partition(" ") if "\t" not in line else line.replace("\t", " ").partition(" ")
        if word.startswith("$") and not word.startswith("$$"):
            self._directive(word.lower(), rest.strip())
            return
        selector, action = _selector(line)
        if selector != "&":
            self._selector = selector
        action = action.split(";", 1)[0].strip()
        if _DROP.search(BRACE.sub("", line)):
            self._drop(item.blocks, whole=action in ("stop", "~"))
        path = action.removeprefix("-")
        if path.startswith("/"):
            self._written.append((self._selector, path, self._set.get("$filecreatemode", "")))
        elif action.startswith("?"):
            self._written.append((self._selector, action, self._set.get("$filecreatemode", "")))
        elif match := _TARGET.match(action):
            protocol = "tcp" if match[1] == "@@" else "udp"
            self._send(match[3], match[4] or "", protocol, self._legacy(), item.blocks)
        elif match := _RELP.match(action):
            told = self._legacy() | {"tls": "off"}
            self._send(match[1], match[2] or "", "relp", told, item.blocks)
        else:
            return
        for name in ("$actionqueuetype", "$actionqueuefilename"):
            self._set.pop(name, None)

    def _legacy(self) -> dict[str, str]:
        """The legacy directives in force, by the names of an action's parameters."""
        told = self._set.get
        return {
            "streamdriver": told("$actionsendstreamdriver", ""),
            "streamdrivermode": told("$actionsendstreamdrivermode", ""),
            "streamdriverauthmode": told("$actionsendstreamdriverauthmode", ""),
            "queue.type": told("$actionqueuetype", ""),
            "queue.filename": told("$actionqueuefilename", ""),
        }

    def _directive(self, name: str, value: str) -> None:
        if name in _LISTENERS:
            module, protocol = _LISTENERS[name]
            address = self._set.get("$udpserveraddress", "") if module == "imudp" else ""
            mode = self._set.get("$inputtcpserverstreamdrivermode", "")
            self._heard.append((module, protocol, value, address, {"streamdriver.mode": mode}))
        else:
            self._set[name] = value

    def done(self) -> Config:
        files = self._modules.get("omfile", {})
        umask = octal(self._global.get("umask") or self._set.get("$umask", ""), self._umask)
        usual = octal(files.get("filecreatemode", ""), 0o644)
        driver = self._global.get("defaultnetstreamdriver") or self._set.get("$defaultnetstreamdriver", "")
        return Config(
            tuple(
                Written(selector, path, (usual if mode == "module" else octal(mode, 0o644)) & ~umask)
                for selector, path, mode in self._written
            ),
            tuple(
                Sent(
                    host.strip("[]"),
                    port,
                    protocol,
                    _sent_in_tls(protocol, told, driver),
                    _verified(told),
                    bool(told.get("queue.filename")) or told.get("queue.type", "").lower() == "disk",
                    selector,
                    _goes_there(left.auth, sure=sure),
                    _goes_there(left.authpriv, sure=sure),
                )
                for host, port, protocol, told, selector, left, sure in self._sent
            ),
            tuple(
                Heard(protocol, port, address, self._heard_in_tls(module, told))
                for module, protocol, port, address, told in self._heard
            ),
            self._set.get("$actionfiledefaulttemplate", "") or files.get("template", ""),
        )

    def _heard_in_tls(self, module: str, told: Mapping[str, str]) -> bool:
        if module == "imrelp":
            return told.get("tls", "off").lower() == "on"
        if module != "imtcp":
            return False
        of_module = self._modules.get("imtcp", {})
        mode = told.get("streamdriver.mode") or of_module.get("streamdriver.mode") or ""
        mode = mode or self._set.get("$inputtcpserverstreamdrivermode", "")
        return mode == "1"


def _goes_there(left: int, *, sure: bool) -> bool | None:
    """All that is wanted is among what is left at most; None: whether as much is left is not known."""
    return (True if sure else None) if left & WANTED == WANTED else False


def _sent_in_tls(protocol: str, told: Mapping[str, str], default: str) -> bool:
    if protocol == "relp":
        return told.get("tls", "off").lower() == "on"
    driver = (told.get("streamdriver") or told.get("streamdriver.name") or default).lower()
    mode = told.get("streamdrivermode") or told.get("streamdriver.mode")
    return protocol == "tcp" and mode == "1" and driver in _ENCRYPTED


def _verified(told: Mapping[str, str]) -> bool:
    mode = (
        told.get("streamdriverauthmode") or told.get("streamdriver.authmode") or told.get("tls.authmode", "")
    )
    return mode.lower() in (
        "x509/name",
        "x509/fingerprint",
        "x509/certvalid",
        "name",
        "fingerprint",
        "certvalid",
    )


def _selector(line: str) -> tuple[str, str]:
    """Filter and action of a legacy line: `mail.* /var/log/mail`, `& @host`, `:msg, contains, "x" /f`, `if … then …`"""
    if line.lower().startswith("if ") and " then " in line:
        condition, _, action = line.rpartition(" then ")
        return condition, action.strip(" {}")
    if line.startswith(":") and not line.startswith((":om", ":mm")):
        match = re.match(r':[^,\n]++,[^,\n]++,\s*+"[^"\\]*+(?:\\.?+[^"\\]*+)*+"', line)
        return (match[0], line[match.end() :].strip()) if match else (line, "")
    words = line.split(None, 1)
    if line == "stop" or line.startswith(("~", "@", "/", "-/", "?", ":om")):
        return "", line
    if len(words) == 2 and (words[0] == "&" or ("." in words[0] and _SELECTOR.fullmatch(words[0]))):
        return words[0], words[1]
    return line, ""


def octal(text: str, default: int) -> int:
    """A mode or umask of up to five octal digits; `default` for what is none."""
    return int(text, 8) if re.fullmatch(r"[0-7]{1,5}", text.strip()) else default
