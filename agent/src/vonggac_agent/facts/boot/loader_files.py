"""Reads what boot loaders are set up by: grub.cfg, grubenv, entries of the Boot Loader Specification, default/grub.

Pure; `boot_parameters` and `boot_loader` look. GRUB's language is not run: lines are taken as they stand, whatever `if`
they stand under, so a kernel counts even if a condition hides it.

Sources: GRUB manual "Commands" (linux, menuentry, set, password, password_pbkdf2), "Environment block", "Security";
The Boot Loader Specification (UAPI.1) "Type #1"; grub-mkconfig's default/grub, "Simple configuration".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ...formats import assignments, lines, words

MAX_ENTRIES: Final = 500
MAX_PARAMETERS: Final = 512
"""Parameters of one command line that are kept; the kernel's own limit is 2,048 characters on x86."""
_LINUX: Final = frozenset({"linux", "linux16", "linuxefi", "module2", "multiboot2"})
_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z0-9_]{1,64})\}|([A-Za-z0-9_]{1,64}))")
_DEEPEST: Final = 4


class Kernel(NamedTuple):
    """One kernel of a menu: its title and its parameters with variables as written."""

    title: str
    parameters: list[str]


class Menu(NamedTuple):
    """What one grub.cfg, or a file that it reads, says. Passwords themselves are left out."""

    kernels: list[Kernel]
    variables: dict[str, str]
    superusers: list[str]
    hashed: list[str]
    """Users with a password_pbkdf2."""
    clear: list[str]
    """Users with a password in clear."""


def grub(text: str) -> Menu:
    """A grub.cfg. Raises ValueError for over MAX_ENTRIES kernels or `lines.MAX_LINES` lines."""
    menu = Menu([], {}, [], [], [])
    title = ""
    for _, line in lines.significant(text):
        word, rest = (*line.split(None, 1), "")[:2]
        if word in ("menuentry", "submenu"):
            title = (words.words(rest[:2_000]) or [""])[0]
        elif word in _LINUX and _is_kernel(word, rest):
            if len(menu.kernels) >= MAX_ENTRIES:
                raise ValueError(f"over {MAX_ENTRIES} kernels in a boot menu")
            menu.kernels.append(Kernel(title, rest.split(None, MAX_PARAMETERS + 1)[1 : MAX_PARAMETERS + 1]))
        else:
            _setting(menu, word, rest)
    return menu


def _is_kernel(word: str, rest: str) -> bool:
    """Under Xen the kernel is a module, `module2 /boot/vmlinuz-…`; the hypervisor itself takes no kernel parameters."""
    return word.startswith("linux") or (word == "module2" and "vmlinuz" in rest[:4_096])


def _setting(menu: Menu, word: str, rest: str) -> None:
    if word == "set":
        key, equals, value = rest.partition("=")
        if equals and len(menu.variables) < MAX_ENTRIES:
            menu.variables[key.strip()] = words.unquoted(value.strip())
        if key.strip() == "superusers":
            menu.superusers[:] = re.split(r"[\s,;|&]+", words.unquoted(value.strip()))[:MAX_ENTRIES]
    elif word in ("password", "password_pbkdf2"):
        user, secret = (*rest.split()[:2], "", "")[:2]
        into = menu.hashed if word == "password_pbkdf2" else menu.clear
        if secret and len(into) < MAX_ENTRIES:
            # RHEL's grub.cfg names a variable; whether user.cfg gives it a value is asked there.
            into.append("" if secret.startswith("$") else user)


def user_hash(text: str) -> bool:
    """Whether a user.cfg sets GRUB2_PASSWORD to a hash, as grub2-setpassword(8) writes it."""
    return any(
        e.key == "GRUB2_PASSWORD" and e.value.startswith("grub.pbkdf2.") for e in assignments.parse(text)
    )


def environment(text: str) -> dict[str, str]:
    """Variables of a grubenv: lines `name=value`, a backslash before what it keeps, `#` fills the rest."""
    found: dict[str, str] = {}
    for _, line in lines.significant(text):
        name, equals, value = line.partition("=")
        if equals and len(found) < MAX_ENTRIES:
            found[name] = value.replace("\\", "")
    return found


def specification(text: str) -> Kernel:
    """One entry of the Boot Loader Specification: its title and all of its `options`."""
    title, parameters = "", list[str]()
    for _, line in lines.significant(text):
        key, value = (*line.split(None, 1), "")[:2]
        if key == "title":
            title = value
        elif key == "options":
            parameters += value.split(None, MAX_PARAMETERS)[:MAX_PARAMETERS]
    return Kernel(title, parameters[:MAX_PARAMETERS])


def expanded(parameters: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """Parameters with their quotes, variables put in; those without a value vanish, as in GRUB."""
    found: list[str] = []
    for parameter in parameters:
        found += _put_in(parameter, variables).split()
    return found[:MAX_PARAMETERS]


def _put_in(text: str, variables: Mapping[str, str]) -> str:
    for _ in range(_DEEPEST):
        if "$" not in text:
            break
        text = _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], "")[:2_048], text)[:8_192]
    return text


def defaults(texts: Iterable[str]) -> dict[str, str]:
    """GRUB_… variables of default/grub and default/grub.d, in order; a value may name earlier ones."""
    found: dict[str, str] = {}
    for text in texts:
        for entry in assignments.parse(text, posix=True):
            if entry.key.startswith("GRUB_") and (entry.key in found or len(found) < MAX_ENTRIES):
                found[entry.key] = _once(entry.value, found)
    return found


def _once(value: str, found: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: found.get(match[1] or match[2], ""), value)[:8_192]
