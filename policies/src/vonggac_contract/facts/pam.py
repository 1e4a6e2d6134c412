"""Facts about PAM: stacks as they are run, what they ask beyond the password, limits of sessions."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic


class PamStep(msgspec.Struct, frozen=True):
    """One line of a stack."""

    type: Annotated[str, about("auth, account, password or session")]
    control: Annotated[str, about("required, requisite, sufficient, optional, or what stands in brackets")]
    module: Annotated[str, about("File name of the module")]
    arguments: Annotated[
        list[str], about("Arguments in order; what stands after = in one that names a secret is left out")
    ]


@topic("pam.stack", selector=("service",))
class PamStack(msgspec.Struct, frozen=True):
    """The modules that one service runs, includes followed."""

    exists: Annotated[bool, about("The service has a file", source="etc/pam.d, usr/lib/pam.d, usr/etc/pam.d")]
    steps: Annotated[list[PamStep], about("Steps of every type in order")]


@topic("pam.checks")
class PamChecks(msgspec.Struct, frozen=True):
    """What PAM asks of passwords and failures beyond account.policy; none where nothing asks at all."""

    dictionary: Annotated[
        bool | None,
        about("Words of a dictionary are refused", source="pwquality.conf dictcheck, pam_cracklib"),
    ] = None
    user_name: Annotated[
        bool | None, about("The account's name in the password is refused", source="pwquality.conf usercheck")
    ] = None
    root_too: Annotated[
        bool | None, about("Root's own new password is held to the rules too", source="enforce_for_root")
    ] = None
    maximum_repeat: Annotated[
        int | None, about("Most equal characters in a row; 0: any number", source="pwquality.conf maxrepeat")
    ] = None
    maximum_sequence: Annotated[
        int | None, about("Longest run such as 12345; 0: any length", source="pwquality.conf maxsequence")
    ] = None
    root_locked: Annotated[
        bool | None,
        about(
            "Failures lock root too, on every way in", source="faillock.conf even_deny_root, root_unlock_time"
        ),
    ] = None
    empty_allowed: Annotated[
        list[str], about("Lines that let in with an empty password (nullok), by file and number")
    ] = []


class LimitEntry(msgspec.Struct, frozen=True):
    """One line of limits.conf."""

    domain: Annotated[str, about("User, @group, % or * for everybody")]
    type: Annotated[Literal["soft", "hard", "-"], about("- is both")]
    item: Annotated[str, about("What is limited: maxlogins, nproc, core, …")]
    value: Annotated[int, about("Most of it; -1: no limit", below_zero=True)]


@topic("pam.limits")
class PamLimits(msgspec.Struct, frozen=True):
    """Limits of sessions, limits.conf(5)."""

    entries: Annotated[
        list[LimitEntry],
        about("Lines in the order they are read", source="etc/security/limits.conf, limits.d"),
    ]


class FactorModule(msgspec.Struct, frozen=True):
    """A module that asks for a second factor, in one service's auth stack."""

    service: Annotated[str, about("sshd, login, sudo, su, or a desktop's login")]
    module: Annotated[str, about("File name of the module")]
    required: Annotated[bool, about("It can refuse, and asks those too who have not set it up")]


@topic("pam.second-factor", privileged=True)
class SecondFactor(msgspec.Struct, frozen=True):
    """Where two factors of different kinds are asked: a key, a secret, a token, a ticket."""

    modules: Annotated[list[FactorModule], about("Modules found", source="etc/pam.d")]
    ssh: Annotated[bool, about("An SSH server is installed")]
    ssh_everybody: Annotated[
        bool, about("Every way to log in by SSH shows two factors, outside of Match blocks", source="etc/ssh")
    ]
    ssh_administrators: Annotated[
        bool, about("The groups sudo, wheel and admin, and root, show two factors by SSH", source="etc/ssh")
    ]
    ssh_exceptions: Annotated[
        list[str],
        about("Match blocks in which one factor is enough, but for those of private addresses only"),
    ]
    sudo: Annotated[bool, about("sudo asks for a second factor")]
    login: Annotated[bool, about("The console's login asks for a second factor")]
