"""Logs, audit, malware protection and mandatory access control are told as configured and as running."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted, this_machine

from vonggac_agent.facts import gather
from vonggac_agent.facts.logs import (
    audit_state,
    journald,
    logging_state,
    logrotate,
    rsyslog_syntax,
    syslog_config,
)
from vonggac_agent.facts.logs.logrotate import Stanza
from vonggac_agent.facts.protection import mac_state, malware_protection
from vonggac_contract.facts import FactKey, Known
from vonggac_contract.facts.logs import LoggingState
from vonggac_contract.facts.protection import MandatoryAccess

LOGGING = FIXTURES / "logging"
UNIT = "[Install]\nWantedBy=multi-user.target\n"
DEBIAN: dict[str, str | bytes | Link] = {
    "usr/lib/systemd/systemd-journald": "",
    "usr/sbin/rsyslogd": "",
    "usr/sbin/logrotate": "",
    "usr/lib/systemd/system/rsyslog.service": UNIT,
    "etc/systemd/system/multi-user.target.wants/rsyslog.service": Link(
        "/usr/lib/systemd/system/rsyslog.service"
    ),
    "etc/rsyslog.conf": (LOGGING / "rsyslog.conf-debian12").read_text(),
    "etc/logrotate.conf": (LOGGING / "logrotate.conf-debian12").read_text(),
    "etc/logrotate.d/rsyslog": (LOGGING / "logrotate-rsyslog-debian12").read_text(),
}


def logs(folder: Path, files: dict[str, str | bytes | Link]) -> LoggingState:
    value, _ = logging_state.gather(mounted(folder, files), ())
    return value


def test_debian_12_with_rsyslog_as_it_is_installed(tmp_path: Path) -> None:
    assert logs(tmp_path, DEBIAN) == LoggingState(
        journald=True,
        journal_storage="volatile",
        journal_max_days=None,
        syslog="rsyslog",
        syslog_active=True,
        rotate_days=28,
        retention_days=28,
        remote_targets=[],
        oldest_entry=None,
    )


def test_a_journal_that_stays_counts_by_its_own_limit(tmp_path: Path) -> None:
    files = {
        **DEBIAN,
        "var/log/journal/README": "",
        "etc/systemd/journald.conf": "[Journal]\n#Storage=none\nMaxRetentionSec=1month\n",
        "etc/systemd/journald.conf.d/10-keep.conf": "[Journal]\nMaxRetentionSec=1year\n",
        "usr/lib/systemd/journald.conf.d/10-keep.conf": "[Journal]\nMaxRetentionSec=5s\n",
    }
    found = logs(tmp_path, files)
    assert (found.journal_storage, found.journal_max_days, found.retention_days) == ("persistent", 365, 365)


def test_an_absent_folder_makes_auto_volatile_and_its_limit_promises_nothing(tmp_path: Path) -> None:
    files = {**DEBIAN, "etc/systemd/journald.conf": "[Journal]\nMaxRetentionSec=1year\n"}
    assert logs(tmp_path, files).retention_days == 28


def test_a_log_daemon_that_is_not_started_keeps_nothing(tmp_path: Path) -> None:
    files = {name: text for name, text in DEBIAN.items() if ".wants/" not in name}
    found = logs(tmp_path, files)
    assert (found.syslog, found.syslog_active, found.retention_days) == ("rsyslog", False, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1month", 2_629_800),
        ("1year 2weeks", 31_557_600 + 1_209_600),
        ("1y2w", 32_767_200),
        ("2h 30min", 9000),
        ("1.5d", 129_600),
        ("3M", 7_889_400),
        ("100ms", 0.1),
        ("infinity", None),
    ],
)
def test_time_spans_are_those_of_systemd(text: str, seconds: float | None) -> None:
    assert journald.span(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("text", ["", "x", "1fortnight", "1d!", "-1d"])
def test_what_systemd_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time span"):
        journald.span(text)


def test_a_limit_of_zero_or_infinity_is_none() -> None:
    assert journald.retention_days({"maxretentionsec": "0"}) is None
    assert journald.retention_days({"maxretentionsec": "infinity"}) is None
    assert journald.retention_days({}) is None


def journal(micros: int) -> bytes:
    header = bytearray(208)
    header[:8] = b"LPKSHHRH"
    struct.pack_into("<Q", header, 184, micros)
    return bytes(header)


def test_the_oldest_entry_is_told_by_the_journals_own_heads(tmp_path: Path) -> None:
    moment = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    files = {
        **DEBIAN,
        "var/log/journal/abc/system.journal": journal(1_790_000_000_000_000),
        "var/log/journal/abc/system@1.journal": journal(int(moment.timestamp()) * 1_000_000),
        "var/log/journal/abc/user-1000.journal": journal(1),
        "var/log/journal/abc/system@2.journal": b"torn",
    }
    assert logs(tmp_path, files).oldest_entry == moment


@pytest.mark.parametrize(
    ("directives", "days"),
    [
        ({"weekly": "", "rotate": "4"}, 28),
        ({"daily": "", "rotate": "90"}, 90),
        ({"monthly": "", "rotate": "12"}, 336),
        ({"yearly": "", "rotate": "1"}, 365),
        ({"hourly": "", "rotate": "48"}, 2),
        ({"weekly": "", "rotate": "52", "maxage": "30"}, 30),
        ({"weekly": "", "rotate": "-1"}, 36_500),
        ({"weekly": "", "rotate": "0"}, 0),
        ({"weekly": ""}, 0),
        ({"rotate": "9"}, 0),
        ({"size": "10M", "rotate": "99"}, 0),
        ({"daily": "", "maxsize": "10M", "rotate": "99"}, 0),
        ({"weekly": "", "minsize": "1M", "rotate": "4"}, 28),
    ],
)
def test_days_kept_are_those_that_are_sure(directives: dict[str, str], days: int) -> None:
    assert logrotate.days_kept([Stanza(("/var/log/syslog",), directives)], "/var/log/syslog") == days


def test_a_stanza_inherits_what_stands_before_it_and_its_scripts_are_passed_over() -> None:
    text = """weekly
rotate 4
compress
"/var/log/a b.log" /var/log/c.log {
    daily
    postrotate
        rotate 99
        }
    endscript
    rotate 10
}
/var/log/*.log
/var/log/messages
{ monthly
}
rotate 7
/var/log/last { size=5M }
include /etc/logrotate.d
"""
    read: list[str] = []

    def included(path: str) -> list[list[str]]:
        read.append(path)
        return [["/var/log/x {", "}"]]

    found = logrotate.parse(text.split("\n"), included)
    assert found[0].patterns == ("/var/log/a b.log", "/var/log/c.log")
    assert (found[0].directives["rotate"], "daily" in found[0].directives) == ("10", True)
    assert "weekly" not in found[0].directives
    assert logrotate.days_kept(found, "/var/log/messages") == 112
    assert logrotate.days_kept(found, "/var/log/last") == 0
    assert logrotate.days_kept(found, "/var/log/x") == 49
    assert logrotate.days_kept(found, "/var/log/none") is None
    assert read == ["/etc/logrotate.d"]


def test_a_logrotate_file_that_includes_itself_is_refused() -> None:
    def included(_: str) -> list[list[str]]:
        return [["include x"]]

    with pytest.raises(ValueError, match="deeper than 16"):
        logrotate.parse(["include x"], included)
    with pytest.raises(ValueError, match="over 1000 files"):
        logrotate.parse(["include x"], lambda _: [[]] * 1000)


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("*.* @10.0.0.5", ["10.0.0.5"]),
        ("*.* @@log.example.vn:6514", ["log.example.vn"]),
        ("*.info;mail.none  @@(o,z9)[2001:db8::1]:514", ["2001:db8::1"]),
        ('*.* action(type="omfwd" target="log.example.vn"\n port="514" protocol="tcp")', ["log.example.vn"]),
        ('action(Target="a.vn" Type="omrelp")\n*.* :omrelp:b.vn:2514', ["a.vn", "b.vn"]),
        ("# *.* @10.0.0.5\n*.* @127.0.0.1:514\n/* *.* @10.9.9.9 */", []),
        ("*.* -/var/log/user@home.log", []),
        ('action(type="omfile" target="x")', []),
    ],
)
def test_remote_targets_of_rsyslog(text: str, targets: list[str]) -> None:
    sent = rsyslog_syntax.parse(text, lambda pattern: []).sent
    assert [target.host for target in sent if not syslog_config.is_here(target.host)] == targets


def test_includes_of_rsyslog_are_followed_in_the_root(tmp_path: Path) -> None:
    files = {
        **DEBIAN,
        "etc/rsyslog.d/10-far.conf": "*.* @@far.example.vn\n",
        "etc/rsyslog.d/20-more.conf": 'include(file="/etc/more/*.conf" mode="optional")\n',
        "etc/more/a.conf": "*.* @near.example.vn\n",
    }
    assert logs(tmp_path, files).remote_targets == ["far.example.vn", "near.example.vn"]


def test_syslog_ng_and_the_journals_own_upload(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/syslog-ng": "",
        "etc/syslog-ng/syslog-ng.conf": '@include "conf.d/*.conf"\nsource s { network(ip("0.0.0.0")); };\n',
        "etc/syslog-ng/conf.d/a.conf": 'destination d { network("10.1.1.1" port(6514)); tcp("10.2.2.2"); };\n'
        "log { source(s); destination(d); };\n",
        "usr/lib/systemd/system/systemd-journal-upload.service": UNIT,
        "etc/systemd/system/multi-user.target.wants/systemd-journal-upload.service": Link("../x"),
        "etc/systemd/journal-upload.conf": "[Upload]\nURL=https://u:PW@logs.example.vn:19532/\n",
    }
    assert logs(tmp_path, files).remote_targets == ["10.1.1.1", "10.2.2.2", "logs.example.vn"]


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://a.vn:1/x", "a.vn"), ("a.vn", "a.vn"), ("http://[2001:db8::1]:1", "2001:db8::1")],
)
def test_the_host_of_an_upload(url: str, host: str) -> None:
    assert journald.upload_target(url) == host


TEXT = st.text(st.sampled_from('{}()"@#:;=*\\/ \n') | st.characters(), max_size=200)


@given(TEXT, st.binary(max_size=300))
def test_no_text_makes_the_parsers_raise_anything_but_value_error(text: str, raw: bytes) -> None:
    logrotate.parse(text.split("\n"), lambda _: [])
    journald.upload_target(text)
    journald.first_entry(raw)
    malware_protection.signatures_of(raw)
    mac_state.selinux_mode(text)
    audit_state.rules(text.split("\n"))


def test_audit_rules_count_once_though_two_files_hold_them(tmp_path: Path) -> None:
    rules = "## made\n-D\n-b 8192\n-w /etc/passwd -p wa -k id\n-a always,exit -F arch=b64  -S execve\n"
    host = mounted(
        tmp_path,
        {
            "usr/sbin/auditd": "",
            "etc/audit/audit.rules": rules,
            "etc/audit/rules.d/a.rules": rules + "-w /etc/sudoers -p wa\n",
            "etc/audit/rules.d/b.old": "-w /x\n",
        },
    )
    value, _ = audit_state.gather(host, ())
    assert (value.installed, value.active, value.rules) == (True, False, 3)


def test_without_auditd_there_is_no_trail(tmp_path: Path) -> None:
    value, _ = audit_state.gather(mounted(tmp_path, {"etc/audit/audit.rules": "-w /x\n"}), ())
    assert (value.installed, value.rules) == (False, 0)


def test_clamav_with_the_age_of_its_signatures(tmp_path: Path) -> None:
    def head(seconds: int) -> bytes:
        fields = f"ClamAV-VDB:18 Nov 2026 04-22 -0500:27000:2060000:90:md5:dsig:raynman:{seconds}"
        return fields.encode().ljust(512) + b"\x1f\x8b"

    daily = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/clamd": "",
        "usr/lib/systemd/system/clamav-daemon.service": UNIT,
        "etc/systemd/system/multi-user.target.wants/clamav-daemon.service": Link("x"),
        "var/lib/clamav/main.cvd": head(1_600_000_000),
        "var/lib/clamav/daily.cld": head(daily),
        "var/lib/clamav/bytecode.cvd": b"torn",
    }
    value, _ = malware_protection.gather(mounted(tmp_path, files), ())
    product = value.products[0]
    assert (product.name, product.active, product.on_access) == ("ClamAV", True, False)
    assert product.signatures == datetime(2026, 11, 18, tzinfo=UTC)
    assert value.active


@pytest.mark.parametrize("product", malware_protection.PRODUCTS, ids=lambda product: product.name)
def test_each_product_is_known_by_its_program_and_not_active_for_that(
    product: malware_protection.Product, tmp_path: Path
) -> None:
    value, _ = malware_protection.gather(mounted(tmp_path, {product.programs[0]: ""}), ())
    assert [(found.name, found.active) for found in value.products] == [(product.name, False)]
    assert not value.active


def test_a_machine_without_any_product_has_none(tmp_path: Path) -> None:
    value, _ = malware_protection.gather(mounted(tmp_path, {"etc/passwd": ""}), ())
    assert (value.products, value.active) == ([], False)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n", MandatoryAccess("selinux", True)),
        ("SELINUX=permissive\n", MandatoryAccess("selinux", False)),
        ("SELINUX=disabled\n", MandatoryAccess("none", False)),
    ],
)
def test_selinux_of_a_mounted_root_is_what_it_is_set_to(
    config: str, expected: MandatoryAccess, tmp_path: Path
) -> None:
    assert mac_state.gather(mounted(tmp_path, {"etc/selinux/config": config}), ())[0] == expected


def test_apparmor_of_a_mounted_root_counts_profiles_that_forbid(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/lib/systemd/system/apparmor.service": UNIT,
        "etc/systemd/system/sysinit.target.wants/apparmor.service": Link("x"),
        "etc/apparmor.d/usr.bin.man": "",
        "etc/apparmor.d/usr.sbin.ntpd": "",
        "etc/apparmor.d/usr.sbin.off": "",
        "etc/apparmor.d/disable/usr.sbin.off": "",
        "etc/apparmor.d/tunables/global": "",
    }
    assert mac_state.gather(mounted(tmp_path, files), ())[0] == MandatoryAccess("apparmor", True, 2)


def test_apparmor_profiles_are_counted_by_mode() -> None:
    lines = ["/usr/bin/man (enforce)", "docker-default (complain)", "x//y (kill)", "z (unconfined)", ""]
    assert mac_state.enforcing_profiles(lines) == 2


@pytest.mark.parametrize("topic", ["logging.state", "audit.state", "malware.protection", "mac.state"])
def test_the_running_system_answers_or_says_why_not(topic: str) -> None:
    key = FactKey(topic)
    found = gather(this_machine(), [key])[key]
    assert isinstance(found, Known) or found.reason.value in ("permission-denied", "not-supported")


@pytest.mark.hostile
@pytest.mark.parametrize(("size", "most"), [(1, rsyslog_syntax.MAX_FILES), (2**20, 4)])
def test_what_a_log_daemon_includes_is_bounded_as_it_is_read(size: int, most: int) -> None:
    held = []

    def read(pattern: str) -> Iterator[str]:
        held.append(pattern)
        yield "a" * size

    with pytest.raises(ValueError, match="configuration is over"):
        rsyslog_syntax.parse("$IncludeConfig more\n" * 50_000, read)
    assert len(held) <= most
