"""The agent as a systemd service: its units written, started, looked at and taken away again.

What the units hold is in the folder `systemd`; what runs in them, in `supervisor` and, for its helper, in `answers`.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

from . import asking, identity, owned, sealing
from .errors import AgentError, NotEnrolled
from .safety import check_path, sync_folder
from .settings import DEFAULT_STATE_DIR, Settings

UNIT: Final = "vonggac-agent.service"
HELPERS: Final = ("vonggac-agent-answers.socket", "vonggac-agent-answers@.service")
"""What the service needs beside itself: it may not ask everything it has to tell (`asking`)."""
FOLDER: Final = Path("/etc/systemd/system")
RUNNING: Final = Path("/run/systemd/system")
"""There if and only if systemd is the running init (sd_booted(3))."""
SYSTEMCTL: Final = "systemctl"
SECONDS: Final = 60.0
FOR_COMMANDS: Final = """\
# The owner allows commands: each is run as another account, in sight of the machine, and ended with all it started.
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL
SystemCallFilter=@setuid
RestrictAddressFamilies=AF_NETLINK
ProtectHome=read-only
PrivateTmp=no
PrivateDevices=no
ProtectKernelModules=no
ProtectHostname=no
ProcSubset=all"""
"""What the service may do only where there is a list of commands (`owned`) when it is installed."""
FOR_TPM: Final = """\
# The key is sealed by the TPM: systemd-creds asks it (devices named as in /proc/devices).
PrivateDevices=no
DeviceAllow=char-tpm rw"""
"""The same where the key is sealed and there is a TPM."""
HIDDEN: Final = {
    "ProtectHome=read-only": ("/home", "/root", "/run/user"),
    "PrivateTmp=no": ("/tmp", "/var/tmp"),  # noqa: S108 - named, not used
}
"""What a unit says instead where something of the agent's own lies in a folder that would be hidden from it."""


def unit_texts(settings: Settings, config: Path | None) -> dict[str, str]:
    """The units for this installation by name. Raises AgentError for a path that a unit cannot hold."""
    python = [sys.executable, "-I", "-m"]
    command = [*python, "vonggac_agent", "run"]
    if config is not None:
        command += ["--config", os.path.abspath(config)]
    folder = str(settings.state_dir)
    for word in (*command, folder):
        if not word.isprintable() or any(c in word for c in " \t\"'\\%$;@"):
            raise AgentError(
                "{word!r} cannot stand in a unit", hint="Install the agent below a plainer path.", word=word
            )
    if folder == DEFAULT_STATE_DIR:
        state = f"StateDirectory={Path(folder).name}\nStateDirectoryMode=0700"
    else:
        state = f"ReadWritePaths={folder}\nEnvironment=VONGGAC_STATE_DIR={folder}"
    values = {
        "COMMAND": " ".join(command),
        "ANSWERS": " ".join([*python, "vonggac_agent.answers"]),
        "SOCKET": asking.SOCKET,
        "STATE": state,
        "NICE": str(settings.nice),
        "IO_CLASS": settings.io_class,
        "COMMANDS": FOR_COMMANDS if owned.PATH.exists() else "",
        "TPM": FOR_TPM if _asks_tpm(settings.state_dir) else "",
        "PLACES": _in_hidden_places((*command, folder, *installed_at())),
    }
    templates = files("vonggac_agent") / "systemd"
    return {
        unit: re.sub(
            "@([A-Z_]+)@",
            lambda found: values[found[1]],
            (templates / unit).read_text(encoding="utf-8"),
        )
        for unit in (UNIT, *HELPERS)
    }


def installed_at() -> tuple[str, ...]:
    """Where the agent and its interpreter are."""
    return sys.prefix, os.path.realpath(sys.executable), __file__


def _in_hidden_places(words: Iterable[str]) -> str:
    """Lines of HIDDEN for those of `words` that are paths."""
    paths = tuple(words)
    return "\n".join(
        line
        for line, folders in HIDDEN.items()
        if any(path.startswith(f"{folder}/") for path in paths for folder in folders)
    )


def _asks_tpm(folder: Path) -> bool:
    with contextlib.suppress(NotEnrolled):
        return sealing.TPM.exists() and identity.is_sealed(folder, identity.read_identity(folder).keyid)
    return False


def install(settings: Settings, config: Path | None) -> None:
    """Write the units, enable the service and start it, anew if it runs already. Raises AgentError, UnsafePath.

    Refused if somebody else could change the program that would run as root.
    """
    texts = unit_texts(settings, config)
    check_path(Path(os.path.realpath(sys.executable)))
    check_path(Path(__file__).resolve())
    if config is not None:
        check_path(config)
    _needs_systemd()
    try:
        for unit, text in texts.items():
            (FOLDER / unit).write_text(text, encoding="utf-8")
            (FOLDER / unit).chmod(0o644)
        sync_folder(FOLDER)
    except OSError as error:
        raise AgentError(
            "cannot write {path}: {reason}",
            hint="Run it as root.",
            path=error.filename,
            reason=error.strerror,
        ) from error
    _systemctl("daemon-reload")
    _systemctl("enable", UNIT)
    _systemctl("restart", UNIT)


def remove() -> bool:
    """Stop and disable the service, take its units away. False if there was none. The state folder stays."""
    if not (FOLDER / UNIT).exists():
        return False
    _needs_systemd()
    _systemctl("disable", "--now", UNIT)
    if (FOLDER / HELPERS[0]).exists():
        # It goes with the service, but nobody waits for it, and without its file it leaves its socket behind.
        _systemctl("stop", HELPERS[0])
    for unit in (UNIT, *HELPERS):
        (FOLDER / unit).unlink(missing_ok=True)
    _systemctl("daemon-reload")
    return True


def shown() -> dict[str, str]:
    """What systemd says of the unit: ActiveState, SubState, MainPID, NRestarts, MemoryCurrent, UnitFileState."""
    _needs_systemd()
    names = "LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,MemoryCurrent,Result"
    lines = _systemctl("show", UNIT, f"--property={names}").splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line)


def _needs_systemd() -> None:
    if not RUNNING.is_dir():
        raise AgentError(
            "systemd is not running on this machine",
            hint="Start `vonggac-agent run` from your own service manager; `service install --print` shows the unit.",
        )


def _systemctl(*words: str) -> str:
    done = subprocess.run(
        [SYSTEMCTL, *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode != 0:
        raise AgentError(
            "systemctl {word} failed: {said}",
            hint="See: journalctl -u vonggac-agent",
            word=words[0],
            said=done.stderr.strip()[:400],
        )
    return done.stdout
