"""The journal's settings, what rotates logs, and who may touch the files under var/log."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.logs import journald_config, log_files, logrotate, logrotate_config
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.logs import JournaldConfig, LogFiles, LogrotateConfig, UnrotatedLog

JOURNALD: dict[str, str | bytes | Link] = {"usr/lib/systemd/systemd-journald": ""}
MAIN = """\
# rotate log files weekly
weekly
rotate 4
create
include /etc/logrotate.d
/var/log/btmp {
    monthly
    create 0660 root utmp
    rotate 1
}
"""
RSYSLOG = """\
/var/log/syslog
/var/log/auth.log
{
    rotate 7
    daily
    compress
    create 0644 root adm
    postrotate
        echo create 0666
    endscript
}
"""


def journal(folder: Path, files: dict[str, str | bytes | Link]) -> JournaldConfig:
    found, _ = journald_config.gather(mounted(folder, JOURNALD | files), ())
    assert isinstance(found, JournaldConfig)
    return found


def test_an_empty_journald_conf_means_its_defaults(tmp_path: Path) -> None:
    assert journal(tmp_path, {"etc/systemd/journald.conf": "[Journal]\n#Storage=auto\n"}) == JournaldConfig(
        installed=True, storage="volatile", compress=True, seal=True, rate_limit=True
    )


def test_drop_ins_have_the_last_word(tmp_path: Path) -> None:
    found = journal(
        tmp_path,
        {
            "etc/systemd/journald.conf": "[Journal]\nStorage=volatile\nSystemMaxUse=1G\nSeal=no\n",
            "usr/lib/systemd/journald.conf.d/50-syslog.conf": "[Journal]\nForwardToSyslog=yes\n",
            "etc/systemd/journald.conf.d/60-own.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=2G\n"
            "SystemKeepFree=512M\nMaxRetentionSec=6month\nSeal=true\nCompress=4K\n",
            "var/log/journal/0123456789abcdef0123456789abcdef/fss": b"",
        },
    )
    assert found == JournaldConfig(
        installed=True,
        storage="persistent",
        compress=True,
        seal=True,
        sealing_key=True,
        forward_to_syslog=True,
        system_max_use=2 * 1024**3,
        system_keep_free=512 * 1024**2,
        max_retention_days=182,
        rate_limit=True,
    )


@pytest.mark.parametrize(
    ("text", "limited"),
    [
        ("RateLimitBurst=0\n", False),
        ("RateLimitIntervalSec=0\n", False),
        ("RateLimitIntervalSec=0s\nRateLimitBurst=100\n", False),
        ("RateLimitInterval=30s\nRateLimitBurst=1000\n", True),
        ("RateLimitIntervalSec=nonsense\n", True),
    ],
)
def test_a_rate_of_nothing_is_no_limit(text: str, limited: bool, tmp_path: Path) -> None:
    assert journal(tmp_path, {"etc/systemd/journald.conf": "[Journal]\n" + text}).rate_limit is limited


def test_switches_and_sizes_are_read_as_systemd_reads_them() -> None:
    assert [journald_config.size(t) for t in ("1", "2K", "3 M", "1GB", "x", "")] == [
        1,
        2048,
        3 * 1024**2,
        1024**3,
        None,
        None,
    ]
    assert journald_config.size("5429496729512M") == limits.MAX_SAFE_INTEGER
    assert [journald_config.compresses(t) for t in ("no", "off", "yes", "512", "bad")] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_without_journald_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert journald_config.gather(mounted(tmp_path, {}), ())[0] == JournaldConfig(installed=False)


def rotation(folder: Path, files: dict[str, str | bytes | Link]) -> LogrotateConfig:
    base: dict[str, str | bytes | Link] = {
        "usr/sbin/logrotate": "",
        "etc/logrotate.conf": MAIN,
        "etc/logrotate.d/rsyslog": RSYSLOG,
    }
    found, _ = logrotate_config.gather(mounted(folder, base | files), ())
    assert isinstance(found, LogrotateConfig)
    return found


def test_stanzas_are_told_with_what_holds_for_them(tmp_path: Path) -> None:
    found = rotation(tmp_path, {})
    assert [
        (r.paths, r.period, r.days, r.compress, r.create_mode, r.open_to_all) for r in found.rotations
    ] == [
        (["/var/log/syslog", "/var/log/auth.log"], "daily", 7, True, "0644", True),
        (["/var/log/btmp"], "monthly", 28, False, "0660", False),
    ]
    assert (found.installed, found.scheduled, found.unrotated) == (True, False, [])


def test_create_can_be_undone() -> None:
    assert logrotate.created_mode({"create": "0640 root adm"}) == 0o640
    assert logrotate.created_mode({"create": ""}) is None
    assert logrotate.created_mode({"create": "root adm"}) is None
    assert logrotate.created_mode({"create": "0640 root adm", "nocreate": ""}) is None
    assert logrotate.created_mode({"create": "0640 root adm", "copytruncate": ""}) is None


def test_a_log_that_nothing_rotates_is_named(tmp_path: Path) -> None:
    found = rotation(
        tmp_path,
        {
            "etc/logrotate.d/app": "/var/log/app/*.log {\n}\n",
            "var/log/syslog": "x",
            "var/log/syslog.1": "x",
            "var/log/app/a.log": "x",
            "var/log/app/a.log-20260101.gz": "x",
            "var/log/app/empty.txt": "",
            "var/log/app/a.txt": "1234",
            "var/log/journal/0123/system.journal": "x",
            "var/log/audit/audit.log": "x",
            "var/log/wtmp": "x",
        },
    )
    assert found.unrotated == [UnrotatedLog("/var/log/app/a.txt", 4)]


@pytest.mark.parametrize(
    ("files", "scheduled"),
    [
        ({}, False),
        (
            {
                "usr/lib/systemd/system/logrotate.timer": "[Install]\nWantedBy=timers.target\n",
                "etc/systemd/system/timers.target.wants/logrotate.timer": Link(
                    "/usr/lib/systemd/system/logrotate.timer"
                ),
            },
            True,
        ),
        ({"etc/cron.daily/logrotate": "#!/bin/sh\n/usr/sbin/logrotate /etc/logrotate.conf\n"}, False),
        (
            {
                "etc/cron.daily/logrotate": "#!/bin/sh\n/usr/sbin/logrotate /etc/logrotate.conf\n",
                "usr/lib/systemd/system/crond.service": "[Install]\nWantedBy=multi-user.target\n",
                "etc/systemd/system/multi-user.target.wants/crond.service": Link(
                    "/usr/lib/systemd/system/crond.service"
                ),
            },
            True,
        ),
        (
            {
                "etc/cron.daily/logrotate": "#!/bin/sh\nif [ -d /run/systemd/system ]; then exit 0; fi\n",
                "usr/lib/systemd/system/cron.service": "[Install]\nWantedBy=multi-user.target\n",
                "etc/systemd/system/multi-user.target.wants/cron.service": Link(
                    "/usr/lib/systemd/system/cron.service"
                ),
            },
            False,
        ),
    ],
)
def test_something_has_to_start_it(
    files: dict[str, str | bytes | Link], scheduled: bool, tmp_path: Path
) -> None:
    assert rotation(tmp_path, files).scheduled is scheduled


def test_without_logrotate_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert logrotate_config.gather(mounted(tmp_path, {"etc/logrotate.conf": MAIN}), ())[0] == LogrotateConfig(
        False, False
    )


def test_files_under_var_log_are_told_by_what_their_permissions_allow(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
            "etc/group": "root:x:0:\n",
            "etc/shadow": "",
            "var/log/a.log": "x",
            "var/log/deep/b.log": "x",
            "var/log/link": Link("/etc/shadow"),
        },
    )
    os.chmod(tmp_path / "var/log/a.log", 0o646)  # noqa: S103 - what the test is about
    os.chmod(tmp_path / "var/log/deep/b.log", 0o660)
    found, _ = log_files.gather(host, ())
    assert isinstance(found, LogFiles)
    owner = (tmp_path / "var/log/a.log").stat()
    assert [(f.path, f.mode) for f in found.files] == [
        ("/var/log/a.log", "0646"),
        ("/var/log/deep/b.log", "0660"),
    ]
    assert [(f.readable_by_all, f.writable_by_all, f.writable_by_group) for f in found.files] == [
        (True, True, False),
        (False, False, owner.st_gid != 0),
    ]
    assert found.files[0].owned_by_person is (1000 <= owner.st_uid <= 60_000)
    assert found.files[0].owner == ("root" if owner.st_uid == 0 else str(owner.st_uid))


@pytest.mark.hostile
def test_a_folder_of_endless_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vonggac_contract.limits.MAX_FACT_LIST", 20)
    host = mounted(tmp_path, {f"var/log/{n}/{m}": "" for n in range(5) for m in range(5)})
    with pytest.raises(CouldNotLook, match="too-large: var/log holds over 20 names"):
        log_files.entries(host)


@pytest.mark.hostile
@given(st.text(max_size=20))
@thorough
def test_any_text_is_a_setting(text: str) -> None:
    journald_config.size(text)
    journald_config.compresses(text)
    journald_config.limits_rate({"ratelimitburst": text, "ratelimitintervalsec": text})
    logrotate.created_mode({"create": text})


@pytest.mark.parser
@pytest.mark.hostile
def test_a_thousand_patterns_over_twenty_thousand_logs_cost_less_than_a_second() -> None:
    stanzas = [logrotate.Stanza((f"/srv/{'*' * 30}a{n}",), {}) for n in range(1000)]
    files = [log_files.Entry(f"/var/log/{'a' * 50}{n}", 0, 0, 0o600, 1) for n in range(20_000)]
    started = time.process_time()
    logrotate_config.unrotated(stanzas, files)
    assert time.process_time() - started < 1 * slowness()
    with pytest.raises(ValueError, match="over 1000 patterns"):
        logrotate_config.unrotated([*stanzas, logrotate.Stanza(("/srv/*", "/opt/*"), {})], files)
