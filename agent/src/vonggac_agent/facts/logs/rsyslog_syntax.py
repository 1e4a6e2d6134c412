"""Reads rsyslog's configuration in both of its languages: what it writes, where it sends to, where it listens. Pure.

Sources: rsyslog.conf(5); rsyslog's manual: "Configuration Formats", modules omfile, omfwd, omrelp, imudp, imtcp,
imptcp, imrelp, "Legacy Configuration Directives". Selectors are read by `syslog_selector`; other filters stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from vonggac_contract import limits

from ...formats.lines import MAX_LINES
from .syslog_selector import WANTED, Taken, taken

MAX_FILES: Final = 1000
MAX_DEPTH: Final = 16
MAX_CHARACTERS: Final = 2 * limits.MIB
"""Of all files together; the project's own figure, hundreds of times what real ones hold."""
MAX_ITEMS: Final = 20_000
_STOP: Final = re.compile(
    r"(?P<end>\n)|(?P<comment>#|/\*)|(?P<quote>\"[^\"\n]*+\"?|'[^'\n]*+'?)"
    r"|(?<![\w.$!])(?P<object>module|input|action|global|include|template|ruleset|main_queue|parser|timezone"
    r"|lookup_table|dyn_stats|ratelimit)\s*+\(",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r'[\s,]*+([A-Za-z_.0-9]++)\s*+=\s*+"([^"\\]*+(?:\\.?+[^"\\]*+)*+)"', re.DOTALL)
_BLANK: Final = re.compile(r"[\s,]++|#[^\n]*+")
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
_ENCRYPTED: Final = frozenset(("gtls", "ossl"))


class Item(NamedTuple):
    """An object with its parameters, keys in lower case (`name` its kind), or a legacy line (`name` empty).

    `line` is what stands before the object, or the legacy line; `inside`: in the braces of a condition or a ruleset.
    """

    name: str
    parameters: Mapping[str, str]
    line: str = ""
    inside: bool = False


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


def items(text: str) -> Iterator[Item]:
    """Objects and legacy lines in file order, comments left out. What is neither is passed over."""
    at = kept = depth = 0
    parts: list[str] = []

    def line(end: int) -> tuple[str, bool]:
        nonlocal depth
        whole = "".join([*parts, text[kept:end]]).strip()
        parts.clear()
        inside = depth > 0 or "{" in whole
        depth = max(0, depth + whole.count("{") - whole.count("}"))
        return whole.strip("{}").strip(), inside

    while stop := _STOP.search(text, at):
        at = stop.end()
        if stop.lastgroup == "comment":
            # Inside a word it is part of it: /etc/rsyslog.d/*.conf
            if _free(text, stop.start()):
                parts.append(text[kept : stop.start()])
                kept = at = _comment_end(text, stop.start())
        elif stop.lastgroup == "end" and text[at - 2 : at - 1] == "\\":
            parts.append(text[kept : at - 2])
            kept = at
        elif stop.lastgroup == "end":
            told, inside = line(at)
            if told:
                yield Item("", {}, told, inside)
            kept = at
        elif stop.lastgroup == "object":
            told, inside = line(stop.start())
            parameters, at = _parameters(text, at)
            kept = at
            yield Item(stop["object"].lower(), parameters, told, inside)
    told, inside = line(len(text))
    if told:
        yield Item("", {}, told, inside)


def _free(text: str, at: int) -> bool:
    """Nothing of a word stands right before `at`."""
    return at == 0 or text[at - 1].isspace() or text[at - 1] in "{};)"


def _comment_end(text: str, at: int) -> int:
    end = text.find("\n", at) if text[at] == "#" else text.find("*/", at + 2)
    return len(text) if end < 0 else end if text[at] == "#" else end + 2


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    """Parameters from behind `(` on, and the place behind `)`. What does not read as one ends the object."""
    found: dict[str, str] = {}
    while match := _PARAMETER.match(text, at) or _BLANK.match(text, at):
        at = match.end()
        if match.lastindex:
            found[match[1].lower()] = match[2]
    if text[at : at + 1] == ")":
        return found, at + 1
    end = text.find(")", at)
    return found, len(text) if end < 0 else end + 1


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
        self._sent: list[tuple[str, str, str, Mapping[str, str], str, Taken | None]] = []
        self._dropped = Taken(0, 0)
        self._heard: list[tuple[str, str, str, str, Mapping[str, str]]] = []

    def file(self, text: str, depth: int) -> None:
        self._files += 1
        self._size += len(text)
        self._lines += text.count("\n")
        bounded = self._size <= MAX_CHARACTERS and self._lines <= MAX_LINES
        if depth > MAX_DEPTH or self._files > MAX_FILES or not bounded:
            raise ValueError(
                f"rsyslog's configuration is over {MAX_FILES} files, {MAX_CHARACTERS} characters or {MAX_DEPTH} deep"
            )
        for item in items(text):
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
        elif item.name == "action" and kind == "omfile":
            path = told.get("file") or told.get("dynafile", "")
            self._written.append((item.line, path, told.get("filecreatemode", "module")))
        elif item.name == "action" and kind in ("omfwd", "omrelp") and told.get("target"):
            protocol = "relp" if kind == "omrelp" else told.get("protocol", "udp").lower()
            if item.line != "&":
                self._selector = item.line
            self._send(told["target"], told.get("port", ""), protocol, told, inside=item.inside)

    def _send(self, host: str, port: str, protocol: str, told: Mapping[str, str], *, inside: bool) -> None:
        through = None if inside else taken(self._selector) if self._selector else Taken()
        left = None if through is None else through.without(self._dropped)
        self._sent.append((host, port, protocol, told, self._selector, left))

    def _line(self, item: Item) -> None:
        line = item.line
        word, _, rest = line.partition(" ") if "\t" not in line else line.replace("\t", " ").partition(" ")
        if word.startswith("$") and not word.startswith("$$"):
            self._directive(word.lower(), rest.strip())
            return
        selector, action = _selector(line)
        if selector != "&":
            self._selector = selector
        action = action.split(";", 1)[0].strip()
        path = action.removeprefix("-")
        if path.startswith("/"):
            self._written.append((self._selector, path, self._set.get("$filecreatemode", "")))
        elif action.startswith("?"):
            self._written.append((self._selector, action, self._set.get("$filecreatemode", "")))
        elif match := _TARGET.match(action):
            protocol = "tcp" if match[1] == "@@" else "udp"
            self._send(match[3], match[4] or "", protocol, self._legacy(), inside=item.inside)
        elif match := _RELP.match(action):
            told = self._legacy() | {"tls": "off"}
            self._send(match[1], match[2] or "", "relp", told, inside=item.inside)
        else:
            if action in ("stop", "~") and not item.inside and (gone := taken(self._selector)):
                self._dropped = Taken(self._dropped.auth | gone.auth, self._dropped.authpriv | gone.authpriv)
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
                    None if left is None else left.auth & WANTED == WANTED,
                    None if left is None else left.authpriv & WANTED == WANTED,
                )
                for host, port, protocol, told, selector, left in self._sent
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
    if len(words) == 2 and (words[0] == "&" or ("." in words[0] and _SELECTOR.fullmatch(words[0]))):
        return words[0], words[1]
    return line, ""


def octal(text: str, default: int) -> int:
    """A mode or umask of up to five octal digits; `default` for what is none."""
    return int(text, 8) if re.fullmatch(r"[0-7]{1,5}", text.strip()) else default
