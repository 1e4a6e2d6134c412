"""Rules of sudo are told with aliases opened; what cannot be read is never taken for nothing."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, mounted
from tests.unit.slowness import slowness

from vonggac_agent.facts.access import sudo_rules, sudoers
from vonggac_agent.facts.access.sudoers import Alias, Include, Rule, Setting
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import SudoRule, SudoRules

DEBIAN = (FIXTURES / "sudo" / "sudoers-debian12").read_text()


def look(folder: Path, text: str | bytes, **more: str) -> SudoRules:
    files: dict[str, str | bytes] = {"etc/sudoers": text}
    files |= {name.replace("__", "/"): content for name, content in more.items()}
    value, _ = sudo_rules.gather(mounted(folder, files), ())
    return value


ACCOUNTS = {
    "etc__passwd": "bob:x:1000:1000::/home/bob:/bin/sh\nan:x:1001:1001::/home/an:/bin/sh\n",
    "etc__group": "wheel:x:27:bob\nops:x:28:an\nbob:x:1000:\n",
}


def one(folder: Path, text: str) -> SudoRule:
    rules = look(folder, text).rules
    assert len(rules) == 1
    return rules[0]


def test_debian_12_as_it_is_installed(tmp_path: Path) -> None:
    found = look(tmp_path, DEBIAN, etc__debian_version="12.7\n")
    assert [(rule.who, rule.everything, rule.no_password) for rule in found.rules] == [
        ("root", True, False),
        ("%sudo", True, False),
    ]
    assert (found.use_pty, found.logged, found.timestamp_minutes) == (True, True, 15)
    assert found.rules[0].source == "etc/sudoers:5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bob ALL=(ALL) NOPASSWD: ALL", [(("bob",), "ALL", ("ALL",), True)]),
        ("bob ALL=(ALL)NOPASSWD:ALL", [(("bob",), "ALL", ("ALL",), True)]),
        ("bob ALL = ( ALL : ALL ) ALL", [(("bob",), "ALL : ALL", ("ALL",), False)]),
        (
            "bob ALL=NOPASSWD: /bin/a, PASSWD: /bin/b",
            [(("bob",), "", ("/bin/a",), True), (("bob",), "", ("/bin/b",), False)],
        ),
        ("bob ALL=NOPASSWD:SETENV: /bin/a x=y, /bin/b", [(("bob",), "", ("/bin/a x=y", "/bin/b"), True)]),
        ("bob ALL=NOPASSWD: CWD=/tmp /bin/a", [(("bob",), "", ("/bin/a",), True)]),
        ("bob ALL=(root) /bin/a a\\,b\\:c", [(("bob",), "root", ("/bin/a a\\,b\\:c",), False)]),
        ("#1000, %#27 ALL=ALL", [(("#1000", "%#27"), "", ("ALL",), False)]),
        ('"%domain users" ALL=ALL', [(("%domain users",), "", ("ALL",), False)]),
        ("%admin\\ x,!joe ALL=ALL", [(("%admin\\ x", "!joe"), "", ("ALL",), False)]),
        ("bob ALL=sha256:abc= /bin/a", [(("bob",), "", ("sha256:abc= /bin/a",), False)]),
    ],
)
def test_a_rule_is_read_as_sudo_reads_it(text: str, expected: list[tuple[object, ...]]) -> None:
    found = [entry for entry in sudoers.parse_line(text) if isinstance(entry, Rule)]
    assert [(rule.users, rule.run_as, rule.commands, rule.no_password) for rule in found] == expected


def test_host_lists_behind_a_colon_are_rules_of_their_own() -> None:
    first, second = sudoers.parse_line("bob a1, a2 = NOPASSWD: /bin/x : b1 = /bin/y")
    assert first == Rule(("bob",), ("a1", "a2"), "", ("/bin/x",), True)
    assert second == Rule(("bob",), ("b1",), "", ("/bin/y",), False)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        (
            "Defaults !lecture, timestamp_timeout = -1",
            [("", (), "lecture", None, False), ("", (), "timestamp_timeout", "-1", True)],
        ),
        ("Defaults:bob, an !authenticate", [(":", ("bob", "an"), "authenticate", None, False)]),
        ("Defaults!PAGERS noexec", [("!", ("PAGERS",), "noexec", None, True)]),
        ('Defaults secure_path="/a:/b,c"', [("", (), "secure_path", "/a:/b,c", True)]),
        ('Defaults env_keep += "A B"', [("", (), "env_keep", "A B", True)]),
    ],
)
def test_settings_are_read_with_their_scope(text: str, entries: list[tuple[object, ...]]) -> None:
    assert sudoers.parse_line(text) == [Setting(*entry) for entry in entries]  # type: ignore[arg-type]


def test_aliases_and_includes_are_read() -> None:
    assert sudoers.parse_line("Cmnd_Alias PKG = /usr/bin/apt, ALL : X = sha224:aa= /bin/q") == [
        Alias("command", "PKG", ("/usr/bin/apt", "ALL")),
        Alias("command", "X", ("sha224:aa= /bin/q",)),
    ]
    assert sudoers.parse_line("#includedir /etc/sudoers.d") == [Include("/etc/sudoers.d", True)]
    assert sudoers.parse_line('@include "/etc/su do"') == [Include("/etc/su do", False)]


def test_a_comment_ends_its_line_even_before_a_backslash(tmp_path: Path) -> None:
    found = look(tmp_path, "# one \\\nbob ALL=ALL # two \\\neve ALL=NOPASSWD: ALL\n")
    assert [(rule.who, rule.no_password) for rule in found.rules] == [("bob", False), ("eve", True)]


def test_a_continued_line_is_one_rule_with_the_number_of_its_first_line(tmp_path: Path) -> None:
    rule = one(tmp_path, "\nbob ALL = /bin/a, \\\n   /bin/b\n")
    assert (rule.commands, rule.source) == ("/bin/a, /bin/b", "etc/sudoers:2")


@pytest.mark.parametrize(
    "text",
    [
        "User_Alias OPS = an, bob\nCmnd_Alias EVERY = ALL\nOPS ALL = EVERY\n",
        "Cmnd_Alias A = B\nCmnd_Alias B = A, ALL\nbob ALL = A\n",
        "bob ALL = ALL, !/bin/su\n",
        "bob ALL = !!ALL\n",
        "bob ALL = sha256:abc= ALL\n",
    ],
)
def test_everything_is_seen_through_aliases_circles_and_exceptions(text: str, tmp_path: Path) -> None:
    assert one(tmp_path, text).everything


def test_a_denied_command_allows_nothing(tmp_path: Path) -> None:
    assert not one(tmp_path, "Cmnd_Alias X = ALL\nbob ALL = /bin/a, !X, !ALL\n").everything


@pytest.mark.parametrize(
    ("defaults", "asked"),
    [
        ("Defaults !authenticate", False),
        ("Defaults:bob !authenticate", False),
        ("Defaults:%ops !authenticate", True),
        ("User_Alias OPS = bob\nDefaults:OPS !authenticate", False),
        ("Defaults!/bin/a !authenticate", False),
        ("Defaults!/bin/b !authenticate", True),
        ("Defaults>root !authenticate", False),
        ("Defaults>www !authenticate", True),
        ("Defaults !authenticate\nDefaults:bob authenticate", True),
        ("Defaults:%wheel !authenticate", False),
        ("Defaults:%#27 !authenticate", False),
        ("Defaults:#1000 !authenticate", False),
        ("Defaults:#1001 !authenticate", True),
        ("Defaults:%bob !authenticate", False),
        ("Defaults:%elsewhere !authenticate", False),
        ("Defaults exempt_group=ops", True),
        ("Defaults exempt_group=wheel", False),
        ("Defaults>root !authenticate\nDefaults authenticate", False),
        ("Defaults!/bin/a !authenticate\nDefaults:bob authenticate", False),
        ("Defaults!/bin/a\\ x,/bin/a !authenticate\nDefaults!/bin/b authenticate", False),
        ("Defaults:an,bob !authenticate\nDefaults:an authenticate", False),
    ],
)
def test_a_password_that_settings_switch_off_is_not_asked_for(
    defaults: str, asked: bool, tmp_path: Path
) -> None:
    text = f"{defaults}\nbob ALL = /bin/a\n"
    (rule,) = look(tmp_path, text, **ACCOUNTS).rules
    assert rule.no_password is not asked


@pytest.mark.parametrize(
    ("user", "asked"),
    [("bob", False), ("an", True), ("%ops", True), ("%wheel", False), ("%elsewhere", False)],
)
def test_a_password_that_is_not_asked_for_from_one_counts_for_the_groups_that_hold_or_may_hold_them(
    user: str, asked: bool, tmp_path: Path
) -> None:
    text = f"Defaults:{user} !authenticate\n%wheel ALL = /bin/a\n"
    (rule,) = look(tmp_path, text, **ACCOUNTS).rules
    assert rule.no_password is not asked


@pytest.mark.hostile
def test_groups_with_members_without_end_are_refused_and_only_where_they_are_asked_for(
    tmp_path: Path,
) -> None:
    people = ",".join(f"u{n}" for n in range(50_000))
    group = f"wheel:x:27:{people}\n" + "".join(f"g{n}:x:27:\n" for n in range(10_000))
    assert look(tmp_path, "%wheel ALL = /bin/a\n", etc__group=group).rules
    with pytest.raises(CouldNotLook, match="too-large"):
        look(tmp_path, "Defaults:bob !authenticate\n%wheel ALL = /bin/a\n", etc__group=group)


def test_a_password_that_is_asked_for_again_from_some_is_still_not_asked_for_from_others(
    tmp_path: Path,
) -> None:
    text = "Defaults:an,bob !authenticate\nDefaults:an authenticate\nan, bob ALL = /bin/a, /bin/b\n"
    assert one(tmp_path, text).no_password
    assert one(tmp_path, "Defaults!/bin/a !authenticate\nbob ALL = /bin/a -x\n").no_password


@pytest.mark.parametrize(
    ("text", "use_pty", "minutes"),
    [
        ("Defaults use_pty, timestamp_timeout=5\nDefaults:ALL !use_pty", False, 5),
        ("Defaults!/bin/a !use_pty\nDefaults use_pty", False, 5),
        ("Defaults@web !use_pty\nDefaults use_pty", True, 5),
        ("Defaults use_pty\nDefaults:u !use_pty\nDefaults:u use_pty", True, 5),
        ("Defaults:u use_pty", False, 5),
        ("Defaults use_pty\nDefaults>root timestamp_timeout=-1", True, -1),
        ("Defaults use_pty\nDefaults:u timestamp_timeout=-1", True, -1),
        ("Defaults use_pty\nDefaults@web timestamp_timeout=60", True, 60),
        ("Defaults use_pty\nDefaults!/bin/a timestamp_timeout=60\nDefaults:u timestamp_timeout=1", True, 60),
        ("Defaults use_pty\nDefaults:u timestamp_timeout=0", True, 5),
    ],
)
def test_what_is_loosened_for_some_counts_as_the_worst(
    text: str, use_pty: bool, minutes: int, tmp_path: Path
) -> None:
    found = look(tmp_path, text + "\n")
    assert (found.use_pty, found.timestamp_minutes) == (use_pty, minutes)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/usr/bin/mysql -pSUDOPW *", "/usr/bin/mysql … *"),
        ("!/usr/bin/mysql\t-pSUDOPW*", "!/usr/bin/mysql …*"),
        ("! /usr/bin/mysql -pSUDOPW", "!/usr/bin/mysql …"),
        ("sha256:abc= /usr/bin/mysql SUDOPW?SUDOPW", "/usr/bin/mysql …?…"),
        ("^/usr/bin/mysql$ ^-pSUDOPW$", "^/usr/bin/mysql$ …"),
        ("/usr/bin/mysql\\ -pSUDOPW\\*", "/usr/bin/mysql\\ …"),
        ('/bin/a ""', '/bin/a ""'),
        ("sudoedit /etc/hosts", "sudoedit /etc/hosts"),
    ],
)
def test_arguments_of_commands_stay_on_the_machine(command: str, shown: str, tmp_path: Path) -> None:
    found = look(tmp_path, f"Cmnd_Alias SQL = {command}\nbob ALL = ALL, {command}\nan ALL = ALL, SQL\n")
    assert [rule.commands for rule in found.rules] == [f"ALL, {shown}", "ALL, SQL"]
    assert "SUDOPW" not in repr(found)


@pytest.mark.parametrize(
    "text", ["SUDOPW", "bob ALL /bin/mysql SUDOPW", "Cmnd_Alias x = SUDOPW", "Defaults 9=SUDOPW"]
)
def test_an_error_does_not_quote_the_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="etc/sudoers:1: ") as caught:
        look(tmp_path, text + "\n")
    assert "SUDOPW" not in str(caught.value)


def test_a_group_that_is_exempt_is_not_asked(tmp_path: Path) -> None:
    assert one(tmp_path, "Defaults exempt_group=wheel\n%wheel ALL = ALL\n").no_password


def test_includes_are_followed_inside_the_root_and_backups_passed_over(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "@includedir /etc/sudoers.d\n@include local\n@include /etc/absent\n",
        **{
            "etc__sudoers.d__10-a": "an ALL = /bin/a\n",
            "etc__sudoers.d__b.bak": "eve ALL = NOPASSWD: ALL\n",
            "etc__sudoers.d__c~": "eve ALL = NOPASSWD: ALL\n",
            "etc__local": "bob ALL = /bin/b\n",
        },
    )
    assert [rule.source for rule in found.rules] == ["etc/sudoers.d/10-a:1", "etc/local:1"]


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deeper than"):
        look(tmp_path / "a", "@include sudoers\n")
    with pytest.raises(ValueError, match="over 1000 files"):
        look(tmp_path / "b", "@include other\n" * 1001, etc__other="")


@pytest.mark.parametrize(
    "text",
    [
        "bob ALL\n",
        "bob ALL=\n",
        "bob ALL=(root /bin/a\n",
        "Cmnd_Alias x = y\n",
        "Defaults 9=3\n",
        "bob ALL=NOPASSWD:\n",
    ],
)
def test_a_line_that_sudo_refuses_is_an_error_with_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="etc/sudoers:2: "):
        look(tmp_path, "\n" + text)


@pytest.mark.parametrize(
    ("setting", "minutes"),
    [
        ("timestamp_timeout=0", 0),
        ("timestamp_timeout=2.5", 3),
        ("timestamp_timeout=-1", -1),
        ("timestamp_timeout=nan", 5),
        ("!timestamp_timeout", 0),
        ("timestamp_timeout=1e300", 2**53),
    ],
)
def test_minutes_are_never_told_shorter_than_they_are(setting: str, minutes: int, tmp_path: Path) -> None:
    assert look(tmp_path, f"Defaults {setting}\n").timestamp_minutes == minutes


def test_syslog_switched_off_without_a_file_is_no_log(tmp_path: Path) -> None:
    assert not look(tmp_path / "a", "Defaults !syslog\n").logged
    assert look(tmp_path / "b", "Defaults !syslog, logfile=/var/log/sudo.log\n").logged


@pytest.mark.parametrize(("version", "on"), [("1.9.13p3-1+deb12u1", False), ("1.9.16p2-3", True)])
def test_use_pty_is_on_by_itself_since_1_9_14(version: str, on: bool, tmp_path: Path) -> None:
    status = f"Package: sudo\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
    assert look(tmp_path, "root ALL=ALL\n", var__lib__dpkg__status=status).use_pty is on


def test_without_sudoers_there_is_no_sudo(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="etc/sudoers is absent") as caught:
        sudo_rules.gather(mounted(tmp_path, {"etc/passwd": ""}), ())
    assert caught.value.reason is Reason.NOT_INSTALLED


def test_hostile_names_stay_as_they_are(tmp_path: Path) -> None:
    rule = one(tmp_path, "\u202eevil\x1b[31m ALL = /bin/<b>\n")
    assert (rule.who, rule.commands) == ("\u202eevil\x1b[31m", "/bin/<b>")


PIECES = [
    "bob",
    "ALL",
    "=",
    "(",
    ")",
    "!",
    ",",
    ":",
    "NOPASSWD:",
    "#",
    "\\",
    '"',
    "Defaults",
    "Cmnd_Alias",
    "X",
    " ",
    "/b",
    "@include",
]


@given(
    st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join), max_size=6)
)
def test_no_text_makes_the_parser_raise_anything_but_value_error(lines: list[str]) -> None:
    try:
        for _, text in sudoers.logical_lines(lines):
            sudoers.parse_line(text)
    except ValueError:
        return


def test_a_line_of_over_64_ki_characters_is_refused() -> None:
    assert list(sudoers.logical_lines(["a" * sudoers.MAX_LINE]))
    with pytest.raises(ValueError, match="over 65536 characters"):
        list(sudoers.logical_lines(["a" * (sudoers.MAX_LINE + 1)]))


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("line", ["a\\", '"\\', "@include a \\", "\\"])
def test_a_line_continued_without_end_costs_its_length(line: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="over 65536 characters"):
        list(sudoers.logical_lines([line] * 70_000))
    assert time.process_time() - began < 3 * slowness(), (
        "reading each line from its beginning again takes a minute"
    )


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("kind", ["User", "Cmnd"])
def test_a_long_chain_of_aliases_costs_its_length(kind: str, tmp_path: Path) -> None:
    most = 8_000
    chain = (
        "".join(f"{kind}_Alias A{i} = A{i + 1}, b{i}\n" for i in range(most))
        + f"{kind}_Alias A{most} = ALL\n"
    )
    rule = "A{} ALL = /bin/a\n" if kind == "User" else "bob ALL = A{}\n"
    began = time.process_time()
    last = one(tmp_path / "a", chain + rule.format(0))
    assert last.everybody if kind == "User" else last.everything
    with pytest.raises(CouldNotLook, match="steps to open") as caught:
        look(tmp_path / "b", chain + "".join(rule.format(i) for i in range(most)))
    assert caught.value.reason is Reason.TOO_LARGE
    assert time.process_time() - began < 2 * slowness(), "opening the chain for each rule takes half a minute"


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("setting", ["Defaults !exempt_group", "Defaults noexec", "Defaults:u !authenticate"])
def test_many_settings_for_many_rules_are_refused_in_time(setting: str, tmp_path: Path) -> None:
    text = f"{setting}\n" * 20_000 + "".join(f"b{i} ALL = /usr/bin/vim\n" for i in range(8_000))
    began = time.process_time()
    with pytest.raises(CouldNotLook, match="steps to open"):
        look(tmp_path, text)
    assert time.process_time() - began < 2 * slowness(), "looking at each setting for each rule takes 17 s"


def test_settings_that_no_rule_asks_for_cost_rules_nothing(tmp_path: Path) -> None:
    rules = "".join(f"b{i} ALL = /usr/bin/vim\n" for i in range(1_000))
    found = look(tmp_path, "Defaults secure_path=x\n" * 2_000 + rules)
    assert (len(found.rules), found.secure_path) == (1_000, True)
