"""Facts about sessions: screens that lock, logins that nobody types, banners, what a shell starts with."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic
from .files import Permission


class DesktopLock(msgspec.Struct, frozen=True):
    """What one desktop does when nobody is at it."""

    environment: Annotated[
        Literal["gnome", "kde", "xfce", "mate", "cinnamon", "other"], about("Desktop; other: not known here")
    ]
    name: Annotated[str, about("Its session's file", source="usr/share/xsessions, wayland-sessions")]
    locks: Annotated[bool | None, about("The screen locks by itself; none for a desktop not known here")] = (
        None
    )
    after_seconds: Annotated[
        int | None,
        about("Idle time until it is locked; 0: never; none for a desktop not known here", unit="s"),
    ] = None
    enforced: Annotated[bool | None, about("Users cannot change it; none for a desktop not known here")] = (
        None
    )


@topic("desktop.session-lock")
class SessionLock(msgspec.Struct, frozen=True):
    """The lock of every desktop that can be chosen at login, as the administrator set it for all users."""

    installed: Annotated[bool, about("There is a desktop")]
    desktops: Annotated[
        list[DesktopLock], about("Desktops", source="etc/dconf, etc/xdg/kscreenlockerrc, etc/xdg/xfce4")
    ]


class AutomaticLogin(msgspec.Struct, frozen=True):
    """One login that nobody types."""

    by: Annotated[str, about("gdm, lightdm, sddm, lxdm, nodm, greetd, displaymanager, getty or inittab")]
    account: Annotated[str, about("Who is logged in; guest for a guest session; empty if not named")]
    source: Annotated[str, about("File it is set in")]


@topic("desktop.autologin")
class AutomaticLogins(msgspec.Struct, frozen=True):
    """Logins without a password, at the screen and on consoles."""

    logins: Annotated[
        list[AutomaticLogin], about("Those that are set", source="display managers, getty units")
    ]


class Banner(msgspec.Struct, frozen=True):
    """One text that is shown at a login."""

    name: Annotated[
        Literal["issue", "issue.net", "motd"], about("issue: console, issue.net: network, motd: after")
    ]
    exists: Annotated[bool, about("The file is there", source="etc")]
    empty: Annotated[bool, about("It says nothing")]
    reveals: Annotated[
        bool, about("It tells the system's name, version or kernel, or asks getty to (\\m, \\r, \\s, \\v)")
    ]
    others_write: Annotated[bool, about("Somebody else than root can write to it")]


@topic("login.banner")
class Banners(msgspec.Struct, frozen=True):
    """What is shown before and after a login. The texts themselves are not told."""

    banners: Annotated[list[Banner], about("issue, issue.net and motd")]


@topic("shell.defaults")
class ShellDefaults(msgspec.Struct, frozen=True):
    """What every shell starts with, by the files for all users."""

    umask: Annotated[
        str,
        about(
            "The loosest umask that a shell gets, four octal digits",
            source="login.defs, pam_umask, etc/profile",
        ),
    ]
    removed: Annotated[list[Permission], about("Permissions that this umask keeps from new files")]
    timeout_fixed: Annotated[
        bool,
        about(
            "TMOUT is read-only, so that users cannot change it", source="etc/profile, profile.d, bash.bashrc"
        ),
    ]


class PathEntry(msgspec.Struct, frozen=True):
    """One folder in a PATH that root gets."""

    folder: Annotated[str, about("As written")]
    source: Annotated[str, about("File it is set in")]
    absolute: Annotated[bool, about("Begins with a slash: not the folder one happens to be in")]
    root_only: Annotated[
        bool, about("Belongs to root, and nobody else can write to it; true if it is not there")
    ]


@topic("root.shell", privileged=True)
class RootShell(msgspec.Struct, frozen=True):
    """What root's shell starts with, by the files for all users and root's own."""

    path: Annotated[
        list[PathEntry],
        about(
            "Folders of every PATH that is set",
            source="etc/environment, login.defs, etc/profile, root/.profile",
        ),
    ]
    timeout: Annotated[
        int | None,
        about(
            "TMOUT that root's shell ends up with; none: no limit",
            unit="s",
            source="etc/profile.d, root/.bashrc",
        ),
    ] = None
