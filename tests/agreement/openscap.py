"""OpenSCAP looks at a root: `oscap-chroot`, with the settings of this machine kept away from what it reads there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.agreement import content

LOOK_S = 180
PROGRAMS = ("oscap", "oscap-chroot", "rpm", "rpmbuild", "debootstrap")


def wanting() -> str:
    """Why nothing can be compared here, and what to do; empty if nothing is in the way."""
    if os.geteuid() != 0:
        return "making root trees with owners needs root: run `sudo make test LANES=agreement`"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    missing += [
        f"content for {name}"
        for name in ("debian11", "rhel9")
        if not (content.PLACE / f"ssg-{name}-xccdf.xml").is_file()
    ]
    if missing:
        return f"lacks {', '.join(missing)}: run packaging/setup/install-system-packages.sh agreement"
    return ""


def settings(folder: Path) -> dict[str, str]:
    """An environment for `look`. libapt reads this machine's apt.conf.d and librpm asks for ~/.rpmdb (Debian's default)
    though the root is another's: apt.conf(5) APT_CONFIG, rpm(8) ~/.rpmmacros.
    """
    folder.mkdir(parents=True, exist_ok=True)
    apt = folder / "apt.conf"
    apt.write_text('Dir::Etc::parts "/dev/null";\nDir::Etc::main "/dev/null";\n')
    (folder / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "LC_ALL": "C", "HOME": str(folder), "APT_CONFIG": str(apt)}


def look(root: Path, copy: Path, results: Path, environment: dict[str, str]) -> dict[str, str]:
    """Rule's short name -> result. Raises RuntimeError with oscap's words if it did not finish.

    oscap(8): it ends with 0 if all rules passed, with 2 if one failed or is unknown, and with 1 after an error.
    """
    done = subprocess.run(
        [
            *("oscap-chroot", str(root), "xccdf", "eval", "--skip-validation"),
            *("--profile", content.PROFILE, "--results", str(results), str(copy)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=LOOK_S,
        check=False,
    )
    if done.returncode not in (0, 2):
        raise RuntimeError(f"oscap ended with {done.returncode} for {root}:\n{done.stderr[-3000:]}")
    try:
        return content.read_results(results)
    finally:
        results.unlink()
