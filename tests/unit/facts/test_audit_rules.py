"""What the audit rules record of a file or a system call, as the kernel would decide."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.logs import audit_rules, audit_syntax
from vonggac_agent.facts.logs.audit_syntax import AuditLine, Rules
from vonggac_contract.facts.logs import AuditCall, AuditRules, AuditWatch

BOTH = ("b64", "b32")
PERSON = "-F auid>=1000 -F auid!=unset"
AS_INSTALLED = """\
## First rule - delete all
-D

## Increase the buffers to survive stress events.
-b 8192

## This determine how long to wait in burst of events
--backlog_wait_time 60000

## Set failure mode to syslog
-f 1
"""
AUDITD: dict[str, str | bytes | Link] = {"usr/sbin/auditd": "", "lib64/ld-linux-x86-64.so.2": ""}


def rules(*lines: str) -> Rules:
    return audit_syntax.parse(lines)


def both(rule: str) -> list[str]:
    return [rule.replace("arch=?", f"arch={a}") for a in BOTH]


def watch(path: str, *lines: str) -> tuple[str, str]:
    everybody, people = audit_syntax.of_path(rules(*lines), path, BOTH)
    return "".join(everybody), "".join(people)


def call(name: str, *lines: str) -> tuple[bool, bool, bool]:
    found = audit_syntax.of_call(rules(*lines), name, BOTH)
    return (
        found.everybody == frozenset(BOTH),
        found.people == frozenset(BOTH),
        found.refused == frozenset(BOTH),
    )


def test_a_rule_is_read_in_all_its_parts() -> None:
    line = "-a always,exit -F arch=b64 -S openat,open -S creat -F exit=-EACCES -F auid>=1000 -F key=refused"
    assert rules(line).lines == (
        AuditLine(
            "always",
            "exit",
            "",
            (),
            "b64",
            ("openat", "open", "creat"),
            ("exit=-EACCES", "auid>=1000"),
            "refused",
        ),
    )
    assert rules("-w /etc/shadow -p wa -k identity").lines == (
        AuditLine("always", "exit", "/etc/shadow", ("w", "a"), "", (), (), "identity"),
    )
    assert rules("-a exit,always -F path=/bin/su -F perm=x -k su").lines == (
        AuditLine("always", "exit", "/bin/su", ("x",), "", (), (), "su"),
    )


def test_of_control_lines_the_last_counts() -> None:
    assert rules("-e 1", "-b 64", "-f 2", "-b 8192", "-e 2")[1:] == (2, 2, 8192)
    assert rules(*AS_INSTALLED.split("\n")) == Rules((), None, 1, 8192)


def test_deleting_and_prepending_are_followed() -> None:
    assert rules("-w /a", "-D", "-w /b", "-w /c", "-W /c").lines == rules("-w /b").lines
    order = rules("-a always,exit -S mount", "-A never,exit -S mount").lines
    assert [line.action for line in order] == ["never", "always"]


@pytest.mark.parametrize(
    "line",
    [
        "-a",
        "-a always",
        "-a always,exit -F",
        "-a always,nowhere -S x",
        "-w",
        "-w etc -p w",
        "-w /a -z 1",
        "-S x",
    ],
)
def test_what_auditctl_would_refuse_is_no_rule(line: str) -> None:
    assert rules(line).lines == ()


def test_a_watch_records_what_it_says() -> None:
    assert watch("/etc/passwd", "-w /etc/passwd -p wa -k identity") == ("wa", "wa")
    assert watch("/etc/passwd", "-w /etc/passwd") == ("rwxa", "rwxa")
    assert watch("/etc/passwd-", "-w /etc/passwd -p wa") == ("", "")


def test_a_rule_on_a_folder_holds_for_what_is_below() -> None:
    assert watch("/etc/sudoers.d/x", "-w /etc/sudoers.d/ -p w") == ("w", "w")
    assert watch("/etc/sudoers.d/x", "-a always,exit -F dir=/etc -F perm=w") == ("w", "w")
    assert watch("/etcetera", "-w /etc -p w") == ("", "")
    assert watch("/etc/x", "-w / -p w") == ("w", "w")


def test_a_rule_for_one_architecture_leaves_the_other_unseen() -> None:
    rule = f"-a always,exit -F arch=? -F path=/usr/bin/su -F perm=x {PERSON}"
    assert watch("/usr/bin/su", both(rule)[0]) == ("", "")
    assert watch("/usr/bin/su", *both(rule)) == ("", "x")


def test_running_a_program_is_recorded_where_every_program_is() -> None:
    assert watch("/usr/bin/su", *both(f"-a always,exit -F arch=? -S execve {PERSON}")) == ("", "x")


def test_a_narrower_choice_does_not_count() -> None:
    assert watch("/etc/passwd", "-a always,exit -F path=/etc/passwd -F perm=wa -F uid=33") == ("", "")
    assert call("mount", *both("-a always,exit -F arch=? -S mount -F auid>=2000")) == (False, False, False)
    assert call("mount", *both("-a always,exit -F arch=? -S mount -F auid>1000")) == (False, False, False)
    assert call("mount", *both("-a always,exit -F arch=? -S mount -C uid!=euid")) == (False, False, False)


def test_calls_of_people_and_of_everybody_are_told_apart() -> None:
    assert call("mount", *both("-a always,exit -F arch=? -S mount")) == (True, True, True)
    assert call("mount", *both(f"-a always,exit -F arch=? -S mount {PERSON}")) == (False, True, True)
    assert call("mount", *both("-a always,exit -F arch=? -S all -F auid>999")) == (False, True, True)
    assert call("mount", "-a always,exit -F arch=b64 -S mount") == (False, False, False)


def test_both_refusals_have_to_be_recorded() -> None:
    denied = both(f"-a always,exit -F arch=? -S open -F exit=-EACCES {PERSON}")
    forbidden = both(f"-a always,exit -F arch=? -S open -F exit=-EPERM {PERSON}")
    assert call("open", *denied) == (False, False, False)
    assert call("open", *denied, *forbidden) == (False, False, True)
    assert call("open", *both("-a always,exit -F arch=? -S open -F success=0")) == (False, False, True)


def test_the_machines_own_clock_is_no_narrower_choice() -> None:
    assert call("clock_settime", *both("-a always,exit -F arch=? -S clock_settime -F a0=0x0"))[0]
    assert not call("clock_settime", *both("-a always,exit -F arch=? -S clock_settime -F a0=0x1"))[0]
    assert not call("mount", *both("-a always,exit -F arch=? -S mount -F a0=0x0"))[0]


def test_the_first_rule_that_matches_decides() -> None:
    assert call("mount", "-a never,exit -S mount", *both("-a always,exit -F arch=? -S mount"))[2] is False
    assert call("mount", *both("-a always,exit -F arch=? -S mount"), "-a never,exit -S mount")[2] is True
    assert watch("/etc/x", "-a never,exit -F dir=/etc -F perm=w", "-w /etc/x -p w") == ("", "")
    assert watch("/etc/x", "-a never,exit -F dir=/etc -F perm=w -F uid=7", "-w /etc/x -p w") == ("w", "w")


@pytest.mark.parametrize("line", ["-a never,task", "-a task,never", "-e 0"])
def test_a_trail_that_follows_no_process_records_nothing(line: str) -> None:
    assert watch("/etc/passwd", "-w /etc/passwd -p wa", line) == ("", "")
    assert call("mount", "-a always,exit -S mount", line) == (False, False, False)


def test_files_of_the_folder_come_in_the_order_of_their_numbers() -> None:
    names = ["100-z.rules", "10-a.rules", "9-b.rules", "a.rules", "audit.rules.bak"]
    assert audit_syntax.in_order(names) == ["9-b.rules", "10-a.rules", "100-z.rules", "a.rules"]


def test_the_folder_becomes_the_file(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        AUDITD
        | {
            "etc/audit/audit.rules": "-w /old -p w\n",
            "etc/audit/rules.d/audit.rules": AS_INSTALLED,
            "etc/audit/rules.d/10-a.rules": "-w /etc/passwd -p wa -k identity\n-e 2\n",
        },
    )
    found, _ = audit_rules.gather(host, ())
    assert isinstance(found, AuditRules)
    assert [(rule.path, rule.permissions, rule.key) for rule in found.rules] == [
        ("/etc/passwd", ["w", "a"], "identity")
    ]
    assert (found.installed, found.suppressed) == (True, False)
    assert (found.enabled, found.failure, found.backlog) == (2, 1, 8192)


def test_without_rules_in_the_folder_the_file_counts(tmp_path: Path) -> None:
    host = mounted(tmp_path, AUDITD | {"etc/audit/audit.rules": "-w /a\n", "etc/audit/rules.d/x.bak": ""})
    assert [rule.path for rule in audit_rules.rules(host).lines] == ["/a"]


def test_a_service_that_runs_auditctl_reads_the_file(tmp_path: Path) -> None:
    unit = "[Service]\nExecStart=/sbin/auditd\nExecStartPost=-/sbin/auditctl -R /etc/audit/audit.rules\n"
    host = mounted(
        tmp_path,
        AUDITD
        | {
            "etc/systemd/system/auditd.service": unit,
            "etc/audit/audit.rules": "-w /a\n",
            "etc/audit/rules.d/a.rules": "-w /b\n",
        },
    )
    assert [rule.path for rule in audit_rules.rules(host).lines] == ["/a"]


def test_rules_that_nobody_loads_are_none(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/audit/rules.d/a.rules": "-w /etc/passwd -p wa\n", "etc/passwd": ""})
    assert audit_rules.gather(host, ())[0] == AuditRules(installed=False, rules=[], suppressed=False)
    assert audit_rules.gather_watch(host, ("/etc/passwd",))[0] == AuditWatch(True, [], [])


def test_paths_are_compared_without_the_links_above_them(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        AUDITD
        | {
            "usr/bin/su": "",
            "bin": Link("usr/bin"),
            "run": Link("var/run"),
            "var/run/lock": "",
            "etc/audit/rules.d/a.rules": "-w /bin/su -p x\n-w /var/run/utmp -p w\n",
        },
    )
    assert audit_rules.gather_watch(host, ("/usr/bin/su",))[0] == AuditWatch(True, ["x"], ["x"])
    assert audit_rules.gather_watch(host, ("/run/utmp",))[0] == AuditWatch(False, ["w"], ["w"])
    with pytest.raises(ValueError, match="no absolute path"):
        audit_rules.gather_watch(host, ("etc/passwd",))


def test_without_programs_of_32_bits_one_architecture_is_enough(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/auditd": "",
        "etc/audit/rules.d/a.rules": "-a always,exit -F arch=b64 -S mount\n",
    }
    arm, amd = mounted(tmp_path / "arm", files), mounted(tmp_path / "amd", AUDITD | files)
    assert audit_rules.gather_call(arm, ("mount",))[0] == AuditCall(True, True, True, True, ["b64"])
    assert audit_rules.gather_call(amd, ("mount",))[0] == AuditCall(True, False, False, False, ["b64", "b32"])


def test_a_call_that_the_machine_does_not_have_cannot_go_unrecorded(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"usr/sbin/auditd": "", "lib/ld-linux-aarch64.so.1": ""})
    assert audit_rules.gather_call(host, ("unlink",))[0] == AuditCall(False, True, True, True, ["b64"])
    assert audit_rules.gather_call(host, ("unlinkat",))[0] == AuditCall(True, False, False, False, ["b64"])


WORD = st.sampled_from(("passwd", "a", "ssh_config", "x9", "identity"))
PATH = st.sampled_from(("/etc/passwd", "/etc", "/var/log/audit", "/usr/bin/su"))
PERMISSIONS = st.sampled_from(("r", "wa", "rwxa", "x")).map(tuple)
CONDITION = st.sampled_from(("auid>=1000", "auid!=unset", "exit=-EACCES", "uid!=euid", "a0&=1"))
WATCHES = st.builds(
    AuditLine,
    st.just("always"),
    st.just("exit"),
    PATH,
    PERMISSIONS,
    st.just(""),
    st.just(()),
    st.just(()),
    WORD,
)
CALLS = st.builds(
    AuditLine,
    st.sampled_from(("always", "never")),
    st.sampled_from(("exit", "user", "exclude")),
    st.just(""),
    st.just(()),
    st.sampled_from(("", "b32", "b64")),
    st.sampled_from(((), ("open",), ("open", "creat", "257"), ("all",))),
    st.lists(CONDITION, max_size=3).map(tuple),
    WORD,
)


def written(rule: AuditLine) -> str:
    if rule.permissions:
        return f"-w {rule.path} -p {''.join(rule.permissions)} -k {rule.key}"
    words = [f"-a {rule.action},{rule.list}"]
    words += [f"-F arch={rule.architecture}"] if rule.architecture else []
    words += [f"-S {name}" for name in rule.calls] + [f"-F {c}" for c in rule.conditions] + [f"-k {rule.key}"]
    return "  ".join(words)


@given(st.lists(WATCHES | CALLS, max_size=4))
@thorough
def test_rules_written_out_are_read_back(wanted: list[AuditLine]) -> None:
    assert audit_syntax.parse([written(rule) for rule in wanted]).lines == tuple(wanted)


@pytest.mark.hostile
@given(
    st.lists(
        st.text(max_size=40)
        | st.builds(
            "{} {}".format, st.sampled_from(("-a", "-w", "-e", "-A always,exit -F")), st.text(max_size=30)
        ),
        max_size=6,
    )
)
@thorough
def test_any_lines_are_read_as_rules(lines: list[str]) -> None:
    found = audit_syntax.parse(lines)
    audit_syntax.of_path(found, "/etc/passwd", BOTH)
    audit_syntax.of_call(found, "open", BOTH)


@pytest.mark.parser
@pytest.mark.hostile
def test_ten_megabytes_cost_less_than_a_second() -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="over 20000 audit rules"):
        audit_syntax.parse(["-w /" + "a" * 60] * 150_000)
    audit_syntax.parse(["-a always,exit -S " + "a," * 5_000_000])
    audit_syntax.parse(["-a always,exit " + "-F auid>=1 " * 500] * 1500)
    assert time.process_time() - started < 1 * slowness()
