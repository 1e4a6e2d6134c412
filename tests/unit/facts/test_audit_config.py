"""What auditd does with what it records."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.logs import audit_config
from vonggac_contract.facts.logs import AuditConfig

DEBIAN = """\
#
# This file controls the configuration of the audit daemon
#

local_events = yes
write_logs = yes
log_file = /var/log/audit/audit.log
log_group = adm
log_format = ENRICHED
max_log_file = 8
num_logs = 5
name_format = NONE
##name = mydomain
max_log_file_action = ROTATE
space_left = 75
space_left_action = SYSLOG
action_mail_acct = root
admin_space_left = 50
admin_space_left_action = SUSPEND
disk_full_action = SUSPEND
disk_error_action = SUSPEND
"""
AUDITD: dict[str, str | bytes | Link] = {"usr/sbin/auditd": ""}


def look(folder: Path, files: dict[str, str | bytes | Link]) -> AuditConfig:
    found, _ = audit_config.gather(mounted(folder, AUDITD | files), ())
    assert isinstance(found, AuditConfig)
    return found


def test_the_file_that_debian_ships_is_read(tmp_path: Path) -> None:
    assert look(tmp_path, {"etc/audit/auditd.conf": DEBIAN}) == AuditConfig(
        installed=True,
        log_file="/var/log/audit/audit.log",
        log_group="adm",
        log_format="enriched",
        node_name=False,
        writes=True,
        max_log_file=8,
        max_log_file_action="rotate",
        kept=40,
        space_left=75,
        space_left_action="syslog",
        admin_space_left_action="suspend",
        disk_full_action="suspend",
        disk_error_action="suspend",
    )


def test_what_is_left_out_is_the_daemons_own_default(tmp_path: Path) -> None:
    found = look(tmp_path, {})
    assert (found.log_file, found.log_group, found.writes) == ("/var/log/audit/audit.log", "root", True)
    assert (found.space_left_action, found.disk_full_action) == ("ignore", "ignore")
    assert found.disk_error_action == "syslog"
    assert (found.kept, found.space_left) == (None, 0)


def test_words_count_in_any_case_and_a_program_is_told_as_exec(tmp_path: Path) -> None:
    text = "SPACE_LEFT=25%\nspace_left_action = exec /usr/local/bin/alarm\ndisk_full_action = Halt\n"
    text += "log_format = nolog\n"
    found = look(tmp_path, {"etc/audit/auditd.conf": text})
    assert (found.space_left, found.space_left_action, found.disk_full_action) == (25, "exec", "halt")
    assert (found.writes, found.log_format) == (False, "raw")


def test_files_that_are_kept_for_ever_have_no_bound(tmp_path: Path) -> None:
    text = "max_log_file = 8\nnum_logs = 5\nmax_log_file_action = keep_logs\n"
    found = look(tmp_path, {"etc/audit/auditd.conf": text})
    assert (found.kept, found.max_log_file_action) == (None, "keep_logs")


def test_the_way_to_a_server_counts_if_its_plugin_is_on(tmp_path: Path) -> None:
    remote = "remote_server = nhat-ky.tinh.gov.vn\nport = 60\ntransport = krb5\n"
    off = look(
        tmp_path / "off",
        {"etc/audit/audisp-remote.conf": remote, "etc/audit/plugins.d/au-remote.conf": "active = no\n"},
    )
    on = look(
        tmp_path / "on",
        {"etc/audit/audisp-remote.conf": remote, "etc/audit/plugins.d/au-remote.conf": "active = yes\n"},
    )
    old = look(
        tmp_path / "old",
        {
            "etc/audisp/audisp-remote.conf": remote.replace("krb5", "tcp"),
            "etc/audisp/plugins.d/au-remote.conf": "active = yes\n",
            "etc/audisp/plugins.d/syslog.conf": "active = YES\n",
        },
    )
    assert (off.remote, off.to_syslog) == ("", False)
    assert (on.remote, on.remote_encrypted) == ("nhat-ky.tinh.gov.vn", True)
    assert (old.remote, old.remote_encrypted, old.to_syslog) == ("nhat-ky.tinh.gov.vn", False, True)


def test_without_auditd_there_is_nothing_to_tell(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/audit/auditd.conf": DEBIAN})
    assert audit_config.gather(host, ())[0] == AuditConfig(installed=False)


@pytest.mark.hostile
@given(st.text(max_size=60))
@thorough
def test_any_text_is_read_as_settings(text: str) -> None:
    told = audit_config.settings(text)
    for key in told:
        audit_config.action(told, key)
        audit_config.number(told[key])
