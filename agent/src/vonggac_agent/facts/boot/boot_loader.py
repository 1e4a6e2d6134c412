"""boot.loader: what starts the kernel, who may change that at the console, who may read and write its files.

Sources: GRUB manual "Security" (superusers, password_pbkdf2); grub2-setpassword(8) for user.cfg; loader.conf(5)
`editor`; UEFI specification 2.10, section 3.3 (SecureBoot: one byte after the four of efivarfs's attributes).
"""

from __future__ import annotations

from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.boot import BootFile, BootLoader

from ...host import Host
from ...untrusted import bounded
from ..files import file_stat
from . import boot_parameters, loader_files

SECURE_BOOT: Final = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SCRIPTS: Final = "etc/grub.d"
LOADER_CONF: Final = ("boot/efi/loader/loader.conf", "efi/loader/loader.conf", "boot/loader/loader.conf")
_SECRETS: Final = ("password_pbkdf2", "grub.pbkdf2.", "GRUB2_PASSWORD")


def editor_off(text: str) -> bool:
    """`editor no` in a loader.conf(5): nobody changes a command line at the console. The last one counts."""
    values = [
        words[1].lower()
        for words in map(str.split, text.split("\n"))
        if words[:1] == ["editor"] and words[1:]
    ]
    return bool(values) and values[-1] in ("no", "0", "n", "false", "off")


def secure_boot(raw: bytes) -> bool | None:
    """The variable as efivarfs shows it: four bytes of attributes, then 1 for on; None if it is not that."""
    return raw[4] == 1 if len(raw) == 5 else None


def _protection(host: Host, paths: list[str]) -> tuple[bool, bool]:
    """(protected by a hashed password, a password in clear is there) of GRUB's files."""
    protected = clear = False
    for path in paths:
        folder = path.removesuffix("grub.cfg")
        menus = [boot_parameters.menu(host, path)]
        custom = host.text(f"{folder}custom.cfg")
        if custom is not None:
            menus.append(loader_files.grub(custom))
        superusers = {user for menu in menus for user in menu.superusers if user}
        hashed = {user for menu in menus for user in menu.hashed}
        if "" in hashed and loader_files.user_hash(host.text(f"{folder}user.cfg") or ""):
            hashed |= superusers
        protected = protected or bool(superusers & hashed)
        clear = clear or any(user for menu in menus for user in menu.clear)
    return protected, clear


def _files(host: Host, paths: list[str]) -> list[BootFile]:
    beside = ("grub.cfg", "user.cfg", "custom.cfg", "grubenv")
    wanted = [path.removesuffix("grub.cfg") + name for path in paths for name in beside]
    wanted += [f"{SCRIPTS}/{name}" for name in host.names(SCRIPTS)]
    wanted += [boot_parameters.DEFAULTS, *LOADER_CONF]
    found: list[BootFile] = []
    for path in wanted[: limits.MAX_FACT_LIST]:
        stat, _ = file_stat.gather(host, (path,))
        if stat.kind == "file":
            text = host.text(path, limit=boot_parameters.MAX_GRUB_BYTES) or ""
            found.append(BootFile(bounded(path), stat.owner, stat.permissions, _holds_password(text)))
    return found


def _holds_password(text: str) -> bool:
    lines = (
        line.strip()
        for line in text.split("\n")
        if "assword" in line or "ASSWORD" in line or "pbkdf2" in line
    )
    return any(line.startswith("password ") or any(mark in line for mark in _SECRETS) for line in lines)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[BootLoader, str]:
    """Topic boot.loader. Raises CouldNotLook(permission-denied): its files are closed to ordinary users."""
    paths = boot_parameters.grub_files(host)
    loader_conf = next((path for path in LOADER_CONF if host.exists(path)), None)
    kind: Literal["grub", "systemd-boot", "none"] = "none"
    protected = clear = False
    if paths:
        kind = "grub"
        protected, clear = _protection(host, paths)
    elif loader_conf is not None:
        kind = "systemd-boot"
        protected = editor_off(host.text(loader_conf) or "")
    value = BootLoader(
        kind=kind,
        protected=protected,
        clear_password=clear,
        files=_files(host, paths),
        firmware=_firmware(host),
        secure_boot=secure_boot(host.read(SECURE_BOOT, limit=64) or b"") if host.live else None,
    )
    return value, ", ".join(paths) or loader_conf or "boot/grub, boot/grub2, boot/loader"


def _firmware(host: Host) -> Literal["uefi", "other"] | None:
    if not host.live:
        return None
    return "uefi" if host.exists("sys/firmware/efi") else "other"
