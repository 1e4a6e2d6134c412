"""The agent as a systemd service: its unit written, started, looked at and taken away again.

What the unit holds is in `systemd/vonggac-agent.service`; what runs in it, in `supervisor`.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

from . import identity, owned, sealing
from .errors import AgentError, NotEnrolled
from .safety import check_path, sync_folder
from .settings import DEFAULT_STATE_DIR, Settings

UNIT: Final = "vonggac-agent.service"
UNIT_PATH: Final = Path("/etc/systemd/system") / UNIT
RUNNING: Final = Path("/run/systemd/system")
"""There if and only if systemd is the running init (sd_booted(3))."""
SYSTEMCTL: Final = "systemctl"
SECONDS: Final = 60.0
FOR_COMMANDS: Final = (
    "# The owner allows commands: each is run as another account, and ended with all it started.\n"
    "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL"
)
"""What the service may do only where there is a list of commands (`owned`) when it is installed."""
FOR_TPM: Final = (
    "# The key is sealed by the TPM: systemd-creds asks it (devices named as in /proc/devices).\n"
    "DeviceAllow=char-tpm rw"
)
"""The same where the key is sealed and there is a TPM."""


def unit_text(settings: Settings, config: Path | None) -> str:
    """The unit for this installation. Raises AgentError for a path that a unit cannot hold."""
    command = [sys.executable, "-I", "-m", "vonggac_agent", "run"]
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
        "STATE": state,
        "NICE": str(settings.nice),
        "IO_CLASS": settings.io_class,
        "COMMANDS": FOR_COMMANDS if owned.PATH.exists() else "",
        "TPM": FOR_TPM if _asks_tpm(settings.state_dir) else "",
    }
    template = (files("vonggac_agent") / "systemd" / UNIT).read_text(encoding="utf-8")
    return re.sub("@([A-Z_]+)@", lambda found: values[found[1]], template)


def _asks_tpm(folder: Path) -> bool:
    with contextlib.suppress(NotEnrolled):
        return sealing.TPM.exists() and identity.is_sealed(folder, identity.read_identity(folder).keyid)
    return False


def install(settings: Settings, config: Path | None, *, path: Path = UNIT_PATH) -> None:
    """Write the unit, enable the service and start it, anew if it runs already. Raises AgentError, UnsafePath.

    Refused if somebody else could change the program that would run as root.
    """
    text = unit_text(settings, config)
    check_path(Path(os.path.realpath(sys.executable)))
    check_path(Path(__file__).resolve())
    if config is not None:
        check_path(config)
    _needs_systemd()
    try:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        sync_folder(path.parent)
    except OSError as error:
        raise AgentError(
            "cannot write {path}: {reason}", hint="Run it as root.", path=path, reason=error.strerror
        ) from error
    _systemctl("daemon-reload")
    _systemctl("enable", UNIT)
    _systemctl("restart", UNIT)


def remove(*, path: Path = UNIT_PATH) -> bool:
    """Stop and disable the service, take the unit away. False if there was none. The state folder stays."""
    if not path.exists():
        return False
    _needs_systemd()
    _systemctl("disable", "--now", UNIT)
    path.unlink()
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
