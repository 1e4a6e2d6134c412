"""What Apache lets be read: sections by folder, file name and address, Options, Require, for apache.servers.

Sources: httpd.apache.org/docs/2.4/sections.html ("How the sections are merged"), mod_authz_core (Require),
mod_access_compat (Order, Deny), core (Options, AllowOverride), mod_alias (RedirectMatch).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import Final

from .apache_config import Directive
from .expressions import NotUnderstood, matches

DOTFILES: Final = ("/.git/config", "/.env", "/.htpasswd")
STATUS: Final = ("server-status", "server-info", "balancer-manager")
MAX_SECTIONS: Final = 2_000
MAX_MERGES: Final = 500_000
"""Folders times sections that are held against each other."""


def denied(block: list[Directive]) -> bool | None:
    """Whether the section itself refuses everybody; None if it says nothing about access."""
    said: bool | None = None
    for directive in block:
        words = tuple(word.lower() for word in directive.arguments)
        if directive.name == "require":
            said = words == ("all", "denied")
            if not said:
                return False
        elif directive.name == "deny" and words == ("from", "all"):
            said = True
        elif directive.name == "allow" and words == ("from", "all") and said is None:
            said = False
    return said


def limited(block: list[Directive]) -> bool:
    """Only some may: Require says something else than `all granted`, or Deny from all stands beside Allow."""
    for directive in block:
        words = tuple(word.lower() for word in directive.arguments)
        if directive.name == "require" and words != ("all", "granted"):
            return True
        if directive.name == "deny" and words == ("from", "all"):
            return True
        if directive.name in ("requireany", "requireall", "requirenone") and limited(directive.block or []):
            return True
    return False


def root_closed(main: list[Directive]) -> bool:
    """<Directory /> refuses everything, and AllowOverride there is None, the default since 2.3.9."""
    closed, override = False, "none"
    for section in _folders(main):
        if _path(section) == "/":
            said = denied(section.block or [])
            closed = closed if said is None else said
            for directive in section.block or []:
                if directive.name == "allowoverride":
                    override = " ".join(directive.arguments).lower()
    return closed and override == "none"


def listed(main: list[Directive], hosts: list[Directive], roots: list[str]) -> list[str]:
    """Folders that are served and may be listed: roots and targets of Alias, folders in them, and those of users.

    A folder of users is one that <Directory> names with a wildcard (mod_userdir); its own Options count. Raises
    ValueError for more of them than can be merged.
    """
    scope = main + [s for d in hosts for s in d.block or []]
    sections = _folders(scope)[:MAX_SECTIONS]
    aliases = [d.arguments[1] for d in scope if d.name == "alias" and len(d.arguments) == 2]
    served = [folder.rstrip("/") for folder in dict.fromkeys([*roots, *aliases[:MAX_SECTIONS]])]
    if len(served) * len(sections) > MAX_MERGES:
        raise ValueError(f"{len(served)} served folders below {len(sections)} sections")
    inside = [_path(s) for s in sections if any(_inside(_path(s), folder) for folder in served)]
    found = {f: None for f in dict.fromkeys(served + inside) if "indexes" in options(sections, f)}
    users = [s for s in sections if "*" in _path(s)]
    return [*found, *(_path(s) for s in users if "indexes" in options([s], _path(s)))]


def options(sections: list[Directive], folder: str) -> set[str]:
    """Options of `folder` as its sections come to, from the shortest path to the longest; lower case."""
    set_now = {"followsymlinks"}
    matching = [s for s in sections if _inside(folder, _path(s)) or _path(s) == folder]
    for section in sorted(matching, key=lambda s: len(_path(s).rstrip("/").split("/"))):
        for directive in section.block or []:
            if directive.name == "options":
                set_now = _changed(set_now, directive.arguments)
    return set_now


def _changed(before: set[str], words: tuple[str, ...]) -> set[str]:
    after = set(before) if all(word[:1] in "+-" for word in words) else set()
    for word in words:
        bare = word.lstrip("+-").lower()
        named = {"indexes", "includes", "followsymlinks", "execcgi"} if bare == "all" else {bare}
        after = after - named if word.startswith("-") else after | named
    return after - {"none"}


def status_open(main: list[Directive], hosts: list[Directive]) -> list[str]:
    """Sections that hand over to a status page and do not say who may ask."""
    found: list[str] = []
    for section in main + [s for d in hosts for s in d.block or []]:
        if section.block is None or not section.name.startswith(("location", "files", "directory")):
            continue
        handlers = {w.lower() for d in section.block if d.name == "sethandler" for w in d.arguments}
        if handlers & set(STATUS) and not limited(section.block):
            found.append(" ".join(section.arguments))
    return found


def refused(scope: list[Directive], path: str) -> bool:
    """A section <Location path> refuses everybody."""
    return any(s.name == "location" and s.arguments == (path,) and bool(denied(s.block or [])) for s in scope)


def whole_site(scope: list[Directive], root: str) -> Iterable[Directive]:
    """Directives of the scope itself, and of its sections that hold its whole root or the address /."""
    yield from (d for d in scope if d.block is None)
    for section in scope:
        everywhere = section.name == "location" and section.arguments == ("/",)
        if everywhere or (section.name == "directory" and root and _inside(root, _path(section))):
            yield from section.block or []


def dotfiles(main: list[Directive], own: list[Directive], root: str) -> bool | None:
    """One of DOTFILES would be served if it is there; None if an expression was not understood."""
    if not root:
        return False
    scope = [d for d in main if d.name != "virtualhost"] + own
    inner = [s for d in scope if d.name == "directory" and _inside(root, _path(d)) for s in d.block or []]
    try:
        return not all(_folder_refused(scope, root, uri) or _refused(scope + inner, uri) for uri in DOTFILES)
    except NotUnderstood:
        return None


def _folder_refused(scope: list[Directive], root: str, uri: str) -> bool:
    """By <Directory>, the longest path last, and then by <DirectoryMatch>: the last that says something counts."""
    folder = (root.rstrip("/") + uri).rpartition("/")[0]
    merged = sorted((s for s in _folders(scope) if _inside(folder, _path(s))), key=lambda s: len(_path(s)))
    for section in scope:
        by_expression = section.name == "directorymatch" or (
            section.name == "directory" and section.arguments[:1] == ("~",)
        )
        if by_expression and section.arguments and matches(section.arguments[-1], folder + "/"):
            merged.append(section)
    said = [found for s in merged if (found := denied(s.block or [])) is not None]
    return bool(said and said[-1])


def _refused(scope: list[Directive], uri: str) -> bool:
    """By <Files>, <Location>, their expressions, or a RedirectMatch to an error."""
    for directive in scope:
        name, words = directive.name, directive.arguments
        if name == "redirectmatch" and len(words) == 2 and words[0][:1] in "4gG" and matches(words[1], uri):
            return True
        if not name.startswith(("files", "location")) or not words or not denied(directive.block or []):
            continue
        asked = uri.rpartition("/")[2] if name.startswith("files") else uri
        if name.endswith("match") or words[0] == "~":
            refused = matches(words[-1], asked)
        elif name == "files":
            refused = fnmatch.fnmatchcase(asked, words[0])
        else:
            refused = _inside(asked, words[0])
        if refused:
            return True
    return False


def _folders(scope: list[Directive]) -> list[Directive]:
    return [d for d in scope if d.name == "directory" and d.arguments and d.arguments[0] != "~"]


def _path(section: Directive) -> str:
    text = section.arguments[0] if section.arguments else ""
    return text.rstrip("/") or "/"


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
