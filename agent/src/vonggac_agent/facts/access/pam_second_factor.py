"""pam.second-factor: where logging in takes two factors of different kinds. PAM is read by `pam`, SSH by `sshd_config`.

A key of SSH, a secret that is typed (a password), a token (a one-time code, a security key, a smart card) and a ticket
of Kerberos are the kinds. A module that lets pass who has not set it up (nullok) asks for nothing.

Sources: sshd_config(5) AuthenticationMethods, PubkeyAuthOptions; pam_google_authenticator(8), pam_oath(8), pam_u2f(8),
pam_yubico(8), pam_duo(8), pam_pkcs11(8), pam_sss(8) require_cert_auth, pam_radius_auth(8).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final, Literal

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.pam import FactorModule, SecondFactor

from ...host import Host
from ...untrusted import bounded
from ..files import owners
from . import account_files, account_users, pam_stack, sshd_effective
from .pam import Step
from .sshd_config import Block, Settings

TOKEN_MODULES: Final = frozenset(
    (
        "pam_google_authenticator.so", "pam_oath.so", "pam_u2f.so", "pam_yubico.so", "pam_duo.so", "pam_otpw.so",
        "pam_radius_auth.so", "pam_pkcs11.so", "pam_p11.so", "pam_securid.so", "pam_privacyidea.so", "pam_linotp.so",
        "pam_fprintd.so", "pam_fprint.so", "pam_mfa.so", "pam_totp.so",
    )
)  # fmt: skip
SECRET_MODULES: Final = frozenset(
    (
        "pam_unix.so",
        "pam_unix2.so",
        "pam_sss.so",
        "pam_winbind.so",
        "pam_ldap.so",
        "pam_krb5.so",
        "pam_userdb.so",
    )
)
SERVICES: Final = (
    "sshd", "login", "sudo", "su", "gdm-password", "gdm3", "lightdm", "sddm", "kde", "gnome-screensaver",
    "xfce4-screensaver",
)  # fmt: skip
Factor = Literal["key", "secret", "token", "ticket", "pin"]


def token(step: Step) -> bool:
    """The module asks for a token."""
    by_card = step.module == "pam_sss.so" and any(a.startswith("require_cert_auth") for a in step.arguments)
    by_python = step.module == "pam_python.so" and any("privacyidea" in a for a in step.arguments)
    return step.module in TOKEN_MODULES or by_card or by_python


def required(step: Step) -> bool:
    """The step can refuse, and does so too where nothing was set up."""
    refuses = step.can_refuse and "default=ignore" not in step.control
    return refuses and not any(a in ("nullok", "nullok=1", "usersfile_optional") for a in step.arguments)


def stack_factors(steps: Iterable[Step]) -> set[Factor]:
    """What an auth stack asks. A password module counts whatever its control, since a stack of it ends in a denial."""
    found: set[Factor] = set()
    for step in steps:
        if token(step):
            found |= {"token"} if required(step) else set()
        elif step.module in SECRET_MODULES:
            found.add("secret")
    return found


def _flag(words: dict[str, list[str]], settings: Settings, keyword: str) -> bool:
    return (words[keyword][0] if keyword in words else settings.one(keyword)).lower() == "yes"


def two_factors(settings: Settings, block: Block | None, stack: set[Factor]) -> bool:
    """Whether every way to log in by SSH asks for two kinds. `block` overrides what holds for everybody."""
    words = {} if block is None else block.words
    key: set[Factor] = {"key"}
    accepted = words.get("pubkeyacceptedalgorithms") or settings.all("pubkeyacceptedalgorithms")
    options = (words.get("pubkeyauthoptions") or [settings.one("pubkeyauthoptions")])[0].lower().split(",")
    if "verify-required" in options and accepted and all(a.startswith("sk-") for a in accepted[0].split(",")):
        key.add("pin")
    typed: set[Factor] = stack if _flag({}, settings, "usepam") else {"secret"}
    factors: dict[str, set[Factor]] = {
        "publickey": key,
        "password": typed,
        "keyboard-interactive": typed,
        "gssapi-with-mic": {"ticket"},
        "gssapi-keyex": {"ticket"},
    }
    lists = words.get("authenticationmethods") or settings.all("authenticationmethods") or ["any"]
    if lists == ["any"]:
        switches = {
            "publickey": "pubkeyauthentication",
            "password": "passwordauthentication",
            "keyboard-interactive": "kbdinteractiveauthentication",
            "gssapi-with-mic": "gssapiauthentication",
            "hostbased": "hostbasedauthentication",
        }
        lists = [method for method, switch in switches.items() if _flag(words, settings, switch)]
    asked = [
        set[Factor]().union(*(factors.get(method.partition(":")[0], set()) for method in one.split(",")))
        for one in lists
    ]
    return bool(asked) and all(len(kinds) >= 2 for kinds in asked)


def from_inside(criteria: Iterable[str]) -> bool:
    """The block holds for private addresses only (RFC 1918, RFC 4193, loopback)."""
    words = list(criteria)
    pairs = {words[i].lower(): words[i + 1] for i in range(0, len(words) - 1, 2)}
    named = pairs.get("address", "").split(",")
    try:
        return all(ipaddress.ip_network(one, strict=False).is_private for one in named)
    except ValueError:
        return False


def covers(block: Block, group: str) -> bool:
    """The block holds for everybody in `group`: it names the group, and nothing else narrows it."""
    words = block.criteria
    return len(words) == 2 and words[0].lower() == "group" and group in words[1].split(",")


def describe(settings: Settings | None, stacks: dict[str, list[Step]], groups: Iterable[str]) -> SecondFactor:
    """The fact. `groups`: those of administrators that have members; `settings`: None without an SSH server."""
    modules = [
        FactorModule(service, step.module, required(step))
        for service, steps in stacks.items()
        for step in steps
        if token(step)
    ]
    everybody = administrators = False
    exceptions: list[str] = []
    if settings is not None:
        stack = stack_factors(stacks.get("sshd", []))
        strong = [two_factors(settings, block, stack) for block in settings.blocks]
        everybody = two_factors(settings, None, stack)
        weak = [block for block, two in zip(settings.blocks, strong, strict=True) if not two]
        exceptions = [bounded(" ".join(b.criteria)) for b in weak if not from_inside(b.criteria)]
        covered = all(
            any(two and covers(block, group) for block, two in zip(settings.blocks, strong, strict=True))
            for group in groups
        )
        administrators = everybody or (covered and settings.one("permitrootlogin").lower() == "no")
    return SecondFactor(
        modules=modules,
        ssh=settings is not None,
        ssh_everybody=everybody,
        ssh_administrators=administrators,
        ssh_exceptions=exceptions[:1000],
        sudo=any(m.required and m.service == "sudo" for m in modules),
        login=any(m.required and m.service == "login" for m in modules),
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SecondFactor, str]:
    """Topic pam.second-factor. Raises CouldNotLook: permission-denied if sshd_config is closed to us."""
    stacks = {service: pam_stack.of_type(host, service, "auth") or [] for service in SERVICES}
    groups = account_files.groups(owners.lines(host, "etc/group"))
    used = [name for name, _, members in groups if members and name in account_users.ADMINISTRATOR_GROUPS]
    settings = None
    if sshd_effective.installed(host):
        try:
            settings = sshd_effective.read(host)
        except CouldNotLook as error:
            if error.reason is not Reason.NOT_INSTALLED:
                raise
            settings = Settings()
    return describe(settings, stacks, used), "etc/pam.d, etc/ssh/sshd_config"
