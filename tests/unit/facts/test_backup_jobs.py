"""What backs a machine up, told by what starts by itself."""

import contextlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.backup import backup_jobs, borgmatic, commands
from vonggac_agent.facts.backup.commands import Command
from vonggac_contract import limits
from vonggac_contract.facts.backup import EVERY_VERSION, BackupJob


def on(unit: str, text: str = "[Install]\nWantedBy=multi-user.target\n") -> dict[str, str | bytes | Link]:
    return {
        f"usr/lib/systemd/system/{unit}": text,
        f"etc/systemd/system/multi-user.target.wants/{unit}": Link(f"/usr/lib/systemd/system/{unit}"),
    }


def jobs(folder: Path, files: dict[str, str | bytes | Link]) -> list[BackupJob]:
    return backup_jobs.gather(mounted(folder, files), ())[0].jobs


ALL = EVERY_VERSION
Of = Command


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("restic -r sftp:backup@host:/srv backup /etc", "", [Of("restic", True, True, ALL)]),
        (
            "export RESTIC_REPOSITORY=/mnt/backup\nrestic backup /etc\nrestic forget --keep-daily 7 --keep-weekly=4",
            "",
            [Of("restic", False, True, 11)],
        ),
        ("restic snapshots", "", []),
        (
            "export BORG_PASSPHRASE=secret\nborg create ssh://u@h/./r::{now} /etc\nborg prune --keep-daily 14",
            "",
            [Of("borg", True, True, 14)],
        ),
        ("borg create /mnt/b::x /etc", "", [Of("borg", False, None, ALL)]),
        ("/usr/bin/rsync -a /srv/ 10.0.0.9:/backup/", "x", [Of("rsync", True, False, 1)]),
        ("rsync -a /srv/ /mnt/usb", "sync-files", []),
        ("rsync -a --link-dest=../last /srv/ /mnt/usb/new", "sao-luu.sh", [Of("rsync", False, False, ALL)]),
        ("pg_dump -U x db | gpg -e -r k > /b/db-$(date +%F).gpg", "backup-db", [Of("pg_dump", None, True, ALL)]),
        ("mysqldump db > /b/db.sql\nscp /b/db.sql u@h:/b", "dump.sh", [Of("mysqldump", True, False, 1)]),
        ("duplicity /etc sftp://u@h/b", "", [Of("duplicity", True, True, ALL)]),
        (
            "duplicity --no-encryption /etc file:///b\nduplicity remove-all-but-n-full 3 file:///b",
            "",
            [Of("duplicity", False, False, 3)],
        ),
        (
            "proxmox-backup-client backup root.pxar:/ --keyfile /k",
            "",
            [Of("proxmox-backup-client", True, True, ALL)],
        ),
        ("rdiff-backup /etc host::/b", "", [Of("rdiff-backup", True, False, ALL)]),
        ("echo restic backup\n# restic backup /etc", "", []),
        ("tar czf /b/x.tgz /etc", "rotate", []),
        ("rclone sync /srv remote:b", "", [Of("rclone", True, None, 1)]),
    ],
)  # fmt: skip
def test_what_a_script_does(text: str, name: str, expected: list[Command]) -> None:
    assert commands.commands(text, name=name) == expected


def test_scripts_of_cron_are_looked_into(tmp_path: Path) -> None:
    script = "#!/bin/sh\nRESTIC_PASSWORD=open-secret\nrestic -r rest:https://h/ backup /etc\n"
    found = jobs(
        tmp_path,
        {
            "etc/crontab": "30 2 * * * root /usr/local/sbin/nightly.sh\n@daily root /usr/lib/dpkg/backup\n",
            "usr/local/sbin/nightly.sh": script,
            "usr/lib/dpkg/backup": "tar cf /var/backups/x /etc\n",
        },
    )
    assert found == [
        BackupJob(
            "restic",
            "/usr/local/sbin/nightly.sh",
            True,
            False,
            True,
            True,
            EVERY_VERSION,
            secret_exposed=True,
        )
    ]
    assert "open-secret" not in repr(found)


def test_periodic_scripts_carry_the_day_they_last_ran(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/cron.daily/backup": "#!/bin/sh\nrsnapshot alpha\n",
        "etc/cron.daily/not-executable": "rsnapshot alpha\n",
        "etc/rsnapshot.conf": "# retain\tx\t9\nretain\talpha\t6\nretain\tbeta\t7\nsnapshot_root\t/b/\n",
        "var/spool/anacron/cron.daily": "20261122\n",
    }
    host = mounted(tmp_path, files)
    (tmp_path / "etc/cron.daily/backup").chmod(0o755)
    (job,) = backup_jobs.gather(host, ())[0].jobs
    assert (job.tool, job.versions, job.encrypted) == ("rsnapshot", 13, False)
    assert job.last_started == datetime(2026, 11, 22, tzinfo=UTC)


def test_timers_leave_a_stamp(tmp_path: Path) -> None:
    service = "[Service]\nEnvironmentFile=-/etc/restic.env\nExecStart=/usr/bin/restic backup /etc\n"
    files = on("nightly.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n") | {
        "usr/lib/systemd/system/nightly.service": service,
        "etc/restic.env": "RESTIC_REPOSITORY=s3:https://h/b\n",
        "etc/systemd/system/nightly.service.d/keep.conf": "[Service]\nExecStart=restic forget --keep-daily 9\n",
        "var/lib/systemd/timers/stamp-nightly.timer": "",
    }
    host = mounted(tmp_path, files)
    os.utime(tmp_path / "var/lib/systemd/timers/stamp-nightly.timer", (0, 1_700_000_000))
    (job,) = backup_jobs.gather(host, ())[0].jobs
    assert (job.tool, job.place, job.remote, job.scheduled) == ("restic", "nightly.timer", True, True)
    assert job.versions == 9, "drop-ins of the service count"
    assert job.last_started == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


BORGMATIC = """\
location:
    source_directories: [/etc]
    repositories:
        - ssh://u@h/./x.borg
storage:
    encryption_passphrase: open-secret
retention:
    keep_daily: 7
    keep_weekly: 4
"""
FLAT = "repositories:\n    - path: /mnt/b\n      label: local\nkeep_daily: 3\n"


def test_borgmatic_is_told_by_its_own_file(tmp_path: Path) -> None:
    assert borgmatic.parse(BORGMATIC) == borgmatic.Settings(True, True, 11, True)
    assert borgmatic.parse(FLAT) == borgmatic.Settings(False, None, 3, False)
    assert borgmatic.parse("keep_daily: 999999999999999999").versions == limits.MAX_SAFE_INTEGER
    (job,) = jobs(tmp_path / "idle", {"etc/borgmatic/config.yaml": BORGMATIC})
    assert (job.scheduled, job.secret_exposed) == (False, True)
    timer = on("borgmatic.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n")
    service = "[Service]\nExecStart=systemd-inhibit --who=borgmatic /usr/bin/borgmatic --verbosity -1\n"
    direct = service.replace("systemd-inhibit --who=borgmatic ", "")
    files = timer | {"usr/lib/systemd/system/borgmatic.service": direct, "etc/borgmatic.d/a.yaml": FLAT}
    (job,) = jobs(tmp_path / "on", files)
    assert (job.scheduled, job.remote, job.versions) == (True, False, 3)


def test_clients_of_central_systems_are_told_by_their_units(tmp_path: Path) -> None:
    files = on("bacula-fd.service") | on("veeamservice.service")
    files["etc/bacula/bacula-fd.conf"] = "FileDaemon {\n  Name = x\n  PKI Encryption = Yes\n}\n"
    found = jobs(tmp_path, files)
    assert [(j.tool, j.central, j.remote, j.encrypted, j.versions) for j in found] == [
        ("bacula", True, True, True, None),
        ("veeam", True, True, None, None),
    ]


def test_a_machine_without_backups_has_none(tmp_path: Path) -> None:
    assert jobs(tmp_path, {"etc/crontab": "17 * * * * root cd / && run-parts /etc/cron.hourly\n"}) == []


KEPT = st.dictionaries(
    st.sampled_from(["hourly", "daily", "weekly", "monthly"]), st.integers(1, 400), min_size=1
)


@given(KEPT, st.booleans(), st.booleans())
@thorough
def test_what_is_kept_reads_back_in_every_form(kept: dict[str, int], remote: bool, flat: bool) -> None:
    total = sum(kept.values())
    place = "ssh://u@h/./r" if remote else "/mnt/r"
    flags = " ".join(f"--keep-{name} {number}" for name, number in kept.items())
    script = f"borg create {place}::x /etc\nborg prune {flags} {place}\n"
    assert commands.commands(script) == [Command("borg", remote, None, total)]
    indent = "" if flat else "    "
    document = (
        ("" if flat else "location:\n")
        + f"{indent}repositories:\n{indent}    - {place}\n"
        + ("" if flat else "retention:\n")
        + "".join(f"{indent}keep_{name}: {number}\n" for name, number in kept.items())
    )
    assert borgmatic.parse(document) == borgmatic.Settings(remote, None, total, False)
    conf = "".join(f"retain\t{name}\t{number}\n" for name, number in kept.items())
    assert commands.rsnapshot_versions(conf) == total


WORDS = [
    "restic",
    "backup",
    "borg",
    "create",
    "rsync",
    "-r",
    "sftp:",
    "'",
    '"',
    "\\",
    "$(",
    "|",
    "\n",
    "h:/b",
    "--keep-last",
    "x",
]


@pytest.mark.hostile
@given(st.lists(st.sampled_from(WORDS), max_size=30), st.text(max_size=100))
@thorough
def test_any_script_is_read(pieces: list[str], text: str) -> None:
    for script in (" ".join(pieces), text):
        for command in commands.commands(script, name="backup"):
            assert command.tool
        commands.has_secret(script)
        commands.rsnapshot_versions(script)
        with contextlib.suppress(ValueError):
            borgmatic.parse(script)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    ("read", "piece"),
    [
        (commands.commands, "restic backup \\\n"),
        (commands.commands, "rsync backup "),
        (commands.commands, "a.a.a."),
        (commands.has_secret, "PASSWORDPASSWORD"),
        (commands.rsnapshot_versions, "retain a 1\n"),
        (borgmatic.parse, "[[[["),
    ],
)
def test_ten_megabytes_cost_less_than_a_second(read: Callable[[str], object], piece: str) -> None:
    text = piece * (10_000_000 // len(piece))
    started = time.process_time()
    with contextlib.suppress(ValueError):
        read(text)
    assert time.process_time() - started < 1 * slowness()
