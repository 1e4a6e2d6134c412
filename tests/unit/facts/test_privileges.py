"""What rules of sudo and polkit really hand out."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.access import polkit_rules, sudo_commands, sudo_rules
from vonggac_contract.facts.access import SudoRules
from vonggac_contract.facts.polkit import PolkitGrant, PolkitRules

Files = dict[str, str | bytes | Link]


def sudo(folder: Path, text: str) -> SudoRules:
    value, _ = sudo_rules.gather(mounted(folder, {"etc/sudoers": text, "var/lib/dpkg/status": ""}), ())
    return value


@pytest.mark.parametrize(
    ("rule", "escapes"),
    [
        ("an ALL=(root) /usr/bin/vim.basic, /usr/bin/systemctl", ["vim"]),
        ("an ALL=(root) NOEXEC: /usr/bin/vim, /usr/bin/less, EXEC: /usr/bin/find", ["find"]),
        ("an ALL=(root) NOEXEC: /bin/bash", ["bash"]),
        ("an ALL=(root) /usr/bin/python3.11 /opt/x.py", ["python"]),
        ("an ALL=(root) sudoedit /etc/hosts, !/bin/sh", []),
        ("Cmnd_Alias EDIT = /usr/bin/vi, /bin/nano\nan ALL=EDIT", ["vi", "nano"]),
        ("Cmnd_Alias EDIT = /usr/bin/vi\nDefaults!EDIT noexec\nan ALL=EDIT, /usr/bin/less", ["less"]),
        ("Defaults noexec\nan ALL=/usr/bin/less", []),
        ("Defaults:ba noexec\nan ALL=/usr/bin/less", ["less"]),
        ("an ALL=/usr/bin/apt, /usr/sbin/useradd", []),
    ],
)
def test_programs_that_hand_out_a_shell_are_named(rule: str, escapes: list[str], tmp_path: Path) -> None:
    found = sudo(tmp_path, rule + "\n").rules
    assert [name for one in found for name in one.escapes] == escapes


def test_who_may_become_root_and_whether_everybody_may(tmp_path: Path) -> None:
    found = sudo(
        tmp_path,
        "User_Alias ANY = ALL\nRunas_Alias DB = postgres, mysql\nRunas_Alias UP = root\n"
        "ALL ALL=(ALL:ALL) ALL\nANY ALL=/bin/ls\n"
        "an ALL=(DB) ALL\n%ops ALL=(UP) /bin/ls\nba ALL=(:ops) /bin/ls\n",
    ).rules
    assert [(r.everybody, r.as_root) for r in found] == [
        (True, True), (True, True), (False, False), (False, True), (False, True),
    ]  # fmt: skip


def test_what_is_taken_out_of_all_and_what_holds_wildcards_is_named(tmp_path: Path) -> None:
    rules = sudo(
        tmp_path,
        "Cmnd_Alias SHELLS = /bin/sh, /bin/bash\nan ALL=ALL, !SHELLS, !/bin/su\nba ALL=/bin/cat /var/*, /bin/a\\*b\n"
        "ca ALL=/bin/ls, !/bin/sh\nda ALL=/opt/tools/\n",
    ).rules
    assert [r.negated for r in rules] == [["!/bin/sh", "!/bin/bash", "!/bin/su"], [], [], []]
    assert [r.wildcards for r in rules] == [[], ["/bin/cat …*"], [], []]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", (False, False, False)),
        ("Defaults secure_path=/usr/bin\nDefaults log_output\nDefaults targetpw\n", (True, True, True)),
        ("Defaults log_output\nDefaults !log_output\nDefaults rootpw, !targetpw\n", (False, False, False)),
        ("Defaults:an log_output, secure_path=/x\n", (False, False, False)),
        ('Defaults secure_path="/usr/bin"\nDefaults !secure_path\n', (False, False, False)),
        ("Defaults secure_path=/usr/bin\nDefaults:an !secure_path\n", (False, False, False)),
    ],
)
def test_switches_count_if_they_are_left_on_for_everybody(
    text: str, seen: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    found = sudo(tmp_path, text)
    assert (found.secure_path, found.log_output, found.asks_other) == seen


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/vim.tiny -R", "vim"),
        ("/usr/bin/python3", "python"),
        ("/usr/bin/lua5.4", "lua"),
        ("/bin/sh", "sh"),
        ("/usr/bin/x-www-browser", "x-www-browser"),
        ("", ""),
        ("/usr/bin/7z", "7z"),
    ],
)
def test_a_program_is_known_by_its_plain_name(command: str, name: str) -> None:
    assert sudo_commands.program(command) == name


RULES = """
// polkit.addRule(function() { return polkit.Result.YES; });
/* polkit.addRule(function(action, subject) { return polkit.Result.YES; }); */
polkit.addAdminRule(function(action, subject) { return ["unix-group:sudo"]; });
polkit.addRule(function(action, subject) {
    if (action.id == "org.freedesktop.systemd1.manage-units" /* ) */ && subject.local) { // ")"
        return polkit.Result.YES;
    }
});
polkit.addRule( function(action, subject) {
    if (subject.isInGroup("wheel")) { return polkit . Result . YES; }
});
polkit.addRule(function(action, subject) {
    if (action.lookup("unit") == "a)b") { return polkit.Result.AUTH_ADMIN; }
});
polkit.addRule(function(a, s) { return "yes" })
"""


def test_each_rule_is_told_by_what_it_looks_at() -> None:
    assert list(polkit_rules.granted("x", RULES)) == [
        PolkitGrant("x", True, False, True, ["org.freedesktop.systemd1.manage-units"]),
        PolkitGrant("x", False, True, False, []),
        PolkitGrant("x", True, True, False, []),
    ]


PKLA = """[Admins]
Identity=unix-group:sudo
Action=*
ResultAny=no
ResultActive=yes
[All]
Identity=unix-user:*;unix-group:x
Action=org.freedesktop.udisks2.filesystem-mount;
ResultAny=yes
[Ask]
Identity=unix-user:*
Action=*
ResultAny=auth_admin
"""


def test_a_pkla_file_says_it_plainly() -> None:
    assert list(polkit_rules.authorised("x", PKLA)) == [
        PolkitGrant("x", False, True, True, ["*"]),
        PolkitGrant("x", True, False, False, ["org.freedesktop.udisks2.filesystem-mount"]),
    ]


def polkit(folder: Path, files: Files) -> PolkitRules:
    return polkit_rules.gather(mounted(folder, files), ())[0]


YES = "polkit.addRule(function(action, subject) { return polkit.Result.YES; });"
NO = "polkit.addRule(function(action, subject) { return polkit.Result.NO; });"


def test_of_two_files_of_one_name_the_administrators_counts(tmp_path: Path) -> None:
    files: Files = {
        "usr/lib/polkit-1/polkitd": "",
        "etc/polkit-1/rules.d/10-a.rules": NO,
        "usr/share/polkit-1/rules.d/10-a.rules": YES,
        "usr/share/polkit-1/rules.d/20-b.rules": YES,
        "etc/polkit-1/rules.d/30-c.js": YES,
        "etc/polkit-1/localauthority/50-local.d/a.pkla": PKLA,
    }
    assert [g.source for g in polkit(tmp_path / "a", files).grants] == [
        "usr/share/polkit-1/rules.d/20-b.rules"
    ]
    files["usr/sbin/pkla-check-authorization"] = ""
    assert len(polkit(tmp_path / "b", files).grants) == 3


def test_without_polkit_there_are_no_grants(tmp_path: Path) -> None:
    assert polkit(tmp_path, {"etc/polkit-1/rules.d/10-a.rules": YES}) == PolkitRules(False, [])


@given(st.lists(st.sampled_from(["YES", "NO", "AUTH_ADMIN"]), max_size=5), st.booleans())
@thorough
def test_as_many_rules_grant_as_were_written_to(results: list[str], spaced: bool) -> None:
    gap = "\n  " if spaced else ""
    text = "".join(
        f"polkit.addRule({gap}function(a, s) {{ /* ( */ return polkit.Result.{r};{gap} }});\n"
        for r in results
    )
    assert len(list(polkit_rules.granted("x", text))) == results.count("YES")


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(["polkit.addRule", "(", ")", '"', "'", "`", "/*", "*/", "//", "\\", "\n", "YES"])
    ).map("".join)
)
@thorough
def test_no_text_makes_the_parsers_raise_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        list(polkit_rules.granted("x", text))
        list(polkit_rules.authorised("x", text))
        sudo_commands.escapes([text], lambda _: False)
        sudo_commands.wildcards([text])


@pytest.mark.parser
@pytest.mark.parametrize(
    "text",
    [
        "polkit.addRule(" * 17_000,
        'polkit.addRule("' + '\\"' * 120_000,
        "`'" * 100_000,
        "/*" * 120_000,
        "(" * 250_000,
        "a.b." * 60_000,
        "x" * 10_000_000,
    ],
)
def test_the_worst_text_costs_under_a_second(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValueError):
        list(polkit_rules.granted("x", text))
        list(polkit_rules.authorised("x", text))
    assert time.process_time() - started < 1 * slowness()
