"""Reads where rsyslog, syslog-ng and systemd-journal-upload send logs to. Pure; `logging_state` looks.

Sources: rsyslog.conf(5) "REMOTE MACHINE", rsyslog's omfwd and omrelp modules; syslog-ng's network(), syslog(), tcp(),
udp() destinations; journal-upload.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

MAX_FILES: Final = 1000
MAX_CHARACTERS: Final = 8 * 1024 * 1024
"""Of all files together; the project's own figure, hundreds of times what real ones hold."""
MAX_TARGETS: Final = 1000
_LEGACY: Final = re.compile(
    r"(?m)^[^#\n]*?(?:^|[ \t;&])@{1,2}(?:\([^)\n]*\))?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?"
)
_RELP: Final = re.compile(r"(?m)^[^#\n]*:omrelp:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)")
_ACTION: Final = re.compile(r"\baction\s*\(([^)]{0,4000})\)", re.IGNORECASE)
_PARAMETER: Final = re.compile(r'\b([A-Za-z.]+)\s*=\s*"([^"\n]*)"')
_INCLUDES: Final = re.compile(
    r'(?m)^[ \t]*+(?:\$IncludeConfig\s+(\S+)|include\s*\(\s*file\s*=\s*"([^"\n]+)")', re.IGNORECASE
)
_NG_INCLUDE: Final = re.compile(r'(?m)^[ \t]*+@include\s+"([^"\n]+)"')
_NG_DESTINATION: Final = re.compile(r"\bdestination\b[^{]{0,200}\{([^}]{0,8000})\}")
_NG_TARGET: Final = re.compile(r'\b(?:network|syslog|tcp6?|udp6?)\s*\(\s*"([^"\n]+)"')
_BLOCK_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE_COMMENT: Final = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
Includes = Callable[[str], list[str]]
"""The patterns of the files that a configuration's text includes."""
_HERE: Final = frozenset(("localhost", "127.0.0.1", "::1", "ip6-localhost"))


def rsyslog_targets(text: str) -> list[str]:
    """Hosts that a configuration of rsyslog sends to, in either of its languages; this machine itself left out."""
    bare = _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub("", text))
    found = [match[1] for match in _LEGACY.finditer(bare)] + [match[1] for match in _RELP.finditer(bare)]
    for action in _ACTION.finditer(bare):
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(action[1])}
        if parameters.get("type", "").lower() in ("omfwd", "omrelp") and parameters.get("target"):
            found.append(parameters["target"])
    return _distinct(found)


def rsyslog_includes(text: str) -> list[str]:
    """Patterns of the files it includes."""
    bare = _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub("", text))
    return [legacy or modern for legacy, modern in _INCLUDES.findall(bare)]


def syslog_ng_targets(text: str) -> list[str]:
    """Hosts that destinations of syslog-ng send to."""
    bare = _LINE_COMMENT.sub("", text)
    return _distinct(t for block in _NG_DESTINATION.findall(bare) for t in _NG_TARGET.findall(block))


def syslog_ng_includes(text: str) -> list[str]:
    """Patterns of the files it includes."""
    return _NG_INCLUDE.findall(text)


def upload_target(url: str) -> str:
    """The host of journal-upload's URL=, without scheme, port and path."""
    rest = url.strip().partition("://")[2] or url.strip()
    host = rest.partition("/")[0]
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def with_includes(first: str, includes: Includes, read: Callable[[str], Iterable[str]]) -> str:
    """The text of a configuration with everything it includes.

    Raises ValueError for over `MAX_FILES` files or `MAX_CHARACTERS` characters, counted as they are read.
    """
    texts = [first]
    size = len(first)
    for text in texts:
        for pattern in includes(text):
            for included in read(pattern):
                texts.append(included)
                size += len(included)
                if len(texts) > MAX_FILES or size > MAX_CHARACTERS:
                    raise ValueError(
                        f"a log daemon's configuration includes over {MAX_FILES} files or {MAX_CHARACTERS} characters"
                    )
    return "\n".join(texts)


def _distinct(targets: Iterable[str]) -> list[str]:
    bare = (target.strip("[]") for target in targets)
    return list(dict.fromkeys(target for target in bare if target.lower() not in _HERE))[:MAX_TARGETS]
