"""What `check` is told at once: every error of every file, in order; and what of a folder it does not read."""

from __future__ import annotations

import errno
import os
import re
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.slowness import slowness

from vonggac_contract import limits
from vonggac_rules import cli
from vonggac_rules.cli import main
from vonggac_rules.errors import MAX_SLIPS, RuleError
from vonggac_rules.source import parse_source

from .test_slips import CASES, FILES, OF, PROFILE, RULE, SLIPS, told

Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_rule_with_an_error_in_every_key_is_told_all_of_them_by_line(tmp_path: Path) -> None:
    text = """\
id: SSH
title: {vi: "Tiêu đề"}
why: Why
fix: {debian: {en: Fix}, debain: {vi: Sửa, en: Fix}}
severity: hgih
domian: access
applies: {platform: linux, when: {fact: package.installed, is: true}}
check:
  all:
    - {fact: ssh.effective, field: permitrootlogin, equals: "no"}
    - {fact: sshd.effective, field: maxauthtries, at_most: -1}
    - {fact: sshd.effective, field: maxauthtries, at_least: 014}
    - fact: socket.listening
      field: sockets
      where: {field: scpoe, equals: any}
      none: {field: port, one_of: [telnet]}
parameters:
  tries: {default: 4}
maps: {tcvn14423: access, cis: 5}
severity: low
"""
    errors = told(tmp_path, {"linux.ssh.example.rule.yaml": text})
    found = [e.removeprefix("linux.ssh.example.rule.yaml:") for e, _ in errors if e.startswith("linux.ssh.")]
    assert found == [
        "1:1: 'SSH' is no rule id",
        "2:1: the text in 'en' is missing",
        "3:1: a mapping of keys and values belongs here, not 'Why'",
        "4:7: the text in 'vi' is missing",
        "4:26: no key 'debain' here",
        "5:1: 'hgih' is none of critical, high, medium, low",
        "6:1: no key 'domian' here",
        "7:28: package.installed needs 'name'",
        "10:8: no fact is called 'ssh.effective'",
        "11:51: -1 is below 0, and the field never is",
        "12:61: 014 would be read in base 8 or 60",
        "15:15: no field 'scpoe'",
        "16:27: 'telnet' is a text, and the field is a plain number",
        "18:3: 'about' is missing",
        "19:8: here stands a list of texts",
        "19:27: here stands a list of texts",
        "20:1: 'severity' is there twice",
    ]


def part_of(text: str, old: str) -> int:
    """Which part of the file `old` stands in: a case, a key of a rule, an entry of its check."""
    lines = text[: text.index(old) + len(old)].splitlines()
    entry = "    - " if text is RULE else "none"
    return max(i for i, line in enumerate(lines) if line[:1].strip() or line.startswith(entry))


def pairs() -> list[tuple[str, str, str, str]]:
    """Two slips in different parts of one file, with what each is told for; none that is about another part."""
    about = "not YAML|anchors|used nowhere|parameter 'trys'|'four'|there twice|no key '(al|xx)'|not a list|-1 is below"
    mine = [s for s in SLIPS if s[0] in (RULE, CASES) and not re.search(about, s[4])]
    found = []
    for one, other in combinations(mine, 2):
        text = one[0]
        if text is other[0] and part_of(text, one[1]) != part_of(text, other[1]):
            last, first = sorted((one, other), key=lambda s: -text.index(s[1]))
            at = text.index(last[1])
            spoilt = text[:at].replace(first[1], first[2], 1) + text[at:].replace(last[1], last[2], 1)
            found.append((text, spoilt, one[4], other[4]))
    return found


def test_of_two_slips_in_different_parts_of_one_file_both_are_told(tmp_path: Path) -> None:
    some = pairs()[::16]
    assert len(some) > 80
    missed = []
    for text, spoilt, one, other in some:
        errors = " ".join(e for e, _ in told(tmp_path, FILES | {OF[text]: spoilt}))
        missed += [(one, other)] * (one not in errors or other not in errors)
    assert missed == []


def test_cases_are_checked_beside_a_rule_with_errors_and_a_profile_beside_them(tmp_path: Path) -> None:
    errors = told(
        tmp_path,
        {
            "linux.ssh.example.rule.yaml": RULE.replace("severity: high", "severity: hgih"),
            "linux.ssh.example.cases.yaml": CASES.replace("port: 22", "prt: 22").replace(
                "total: 1", "totl: 1"
            ),
            "example-level3.profile.yaml": PROFILE.replace("level: 3", "level: 6").replace(
                ", en: Source", ""
            ),
        },
    )
    assert [e.split(": ", 1)[0] for e, _ in errors] == [
        "example-level3.profile.yaml:2:1",
        "example-level3.profile.yaml:4:1",
        "health-level3.profile.yaml:2:1",
        "linux.ssh.example.cases.yaml:5:51",
        "linux.ssh.example.cases.yaml:14:54",
        "linux.ssh.example.rule.yaml:5:1",
    ]
    assert errors[2] == (
        "health-level3.profile.yaml:2:1: example-level3 has errors of its own", "mend them first",
    )  # fmt: skip


def test_errors_come_sorted_by_file_line_and_column_and_of_very_many_the_first(
    folder: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.rule.yaml").write_text("".join(f"k{i}: 1\n" for i in range(300)), encoding="utf-8")
    monkeypatch.setattr(cli, "MAX_TOLD", 100)
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().err.splitlines()
    places = [line.split(": ")[0].split(":") for line in said if not line.startswith((" ", "and "))]
    found = [(file, int(line), int(column)) for file, line, column in places]
    assert found == sorted(found)
    assert len(found) == 100
    # Of one file MAX_SLIPS are kept, one more line says that there is more, and it has no cases.
    assert said[-1] == f"and {MAX_SLIPS + 2 - 100} more errors"
    assert main(["check", str(folder), "--json"]) == 1
    whole = msgspec.json.decode(capsys.readouterr().out)
    assert len(whole) == MAX_SLIPS + 2
    assert {e["kind"] for e in whole} == {"error"}
    assert "there is more wrong below than is told here" in {e["message"] for e in whole}


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("linux.ssh.other.rule.yml", ".rule.yaml"),
        ("linux.ssh.other.rule.YAML", ".rule.yaml"),
        ("linux.ssh.other.rule", ".rule.yaml"),
        ("linux.ssh.other.rule.yaml.bak", ".rule.yaml"),
        (".linux.ssh.other.rule.yaml.swp", ".rule.yaml"),
        ("linux.ssh.other.cases.yml", ".cases.yaml"),
        ("own.profiles.yaml", ".profile.yaml"),
        ("linux.ssh.other.yaml", ".rule.yaml or .cases.yaml or .profile.yaml"),
        ("notes.txt", ".rule.yaml or .cases.yaml or .profile.yaml"),
        ("deeper/still/linux.ssh.other.rule.yml", ".rule.yaml"),
    ],
)
def test_a_file_that_is_not_read_is_a_warning_with_the_ending_that_would_be(
    folder: Path, capsys: Said, name: str, ending: str
) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(RULE, encoding="utf-8")
    assert main(["check", str(folder)]) == 0
    said = capsys.readouterr()
    assert (
        said.err == f"{name}:1:1: warning: this file is not read\n    a name that is read ends in {ending}\n"
    )
    assert said.out == "1 rule, 3 cases, 2 profiles: all hold, 1 warning\n"
    assert main(["check", str(folder), "--strict"]) == 1
    assert main(["check", str(folder), "--json"]) == 0


def test_what_no_author_takes_for_a_rule_is_not_warned_of(folder: Path, capsys: Said) -> None:
    for name in ("README.md", ".gitkeep", "data/level-controls.csv", "src/rules.py", "pyproject.toml.d/x"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("", encoding="utf-8")
    assert main(["check", str(folder), "--strict"]) == 0
    assert capsys.readouterr().err == ""


def test_cases_without_a_rule_and_links_to_folders_are_warned_of(folder: Path, capsys: Said) -> None:
    (folder / "linux.ssh.lost.cases.yaml").write_text(CASES, encoding="utf-8")
    (folder / "round").symlink_to(".")
    assert main(["check", str(folder)]) == 0
    said = capsys.readouterr().err
    assert "linux.ssh.lost.cases.yaml:1:1: warning: no rule beside these cases: they are not read" in said
    assert "    write linux.ssh.lost.rule.yaml\n" in said
    assert "round:1:1: warning: a link to a folder is not followed" in said


def test_in_a_folder_of_local_profiles_rules_are_not_read_and_that_is_said(
    folder: Path, capsys: Said
) -> None:
    local = folder.parent / "local"
    local.mkdir(exist_ok=True)
    (local / "linux.ssh.own.rule.yaml").write_text(RULE, encoding="utf-8")
    assert main(["check", str(folder), "--profiles", str(local)]) == 0
    said = capsys.readouterr().err
    assert said.startswith("local/linux.ssh.own.rule.yaml:1:1: warning: this file is not read\n")
    assert "only profiles are read from this folder; their names end in .profile.yaml" in said


def test_a_folder_that_cannot_be_listed_is_an_error(
    folder: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "shut").mkdir()
    listed = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert main(["check", str(folder)]) == 1
    assert "shut:1:1: the folder can't be listed: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["own", "Example-Level3", "example_level3"])
def test_a_profile_is_named_as_its_file(folder: Path, capsys: Said, name: str) -> None:
    (folder / "example-level3.profile.yaml").rename(folder / f"{name}.profile.yaml")
    assert main(["check", str(folder)]) == 1
    words = f"{name}.profile.yaml:1:1: the file of example-level3 is named example-level3.profile.yaml"
    assert capsys.readouterr().err == f"{words}\n    rename the file or the profile\n"


MIB = 1 << 20
HOSTILE = [
    (b"a" * (10 * MIB), "1:1: larger than 2097152 bytes", "split the file"),
    (b"[" * MIB, "1:21: nested deeper than 20", "close the brackets"),
    (b"a: [" + b"1," * (MIB - 9), "more than 20000 values", "split the file"),
    (b"- &a [x]\n" + b"- *a\n" * 10_000, "1:3: tags and anchors are not taken", "write a plain value"),
    (b"a: !!python/object/apply:os.system [id]", "1:4: tags and anchors are not taken", "a plain value"),
    (b"a: 1\nb: 2\na: 3\n", "3:1: 'a' is there twice", "keep one of the two"),
    (b"a: " + b"9" * 100_000, "1:4: '99999999999999999999' can't be read", "a text in quotes"),
    (b"a: 2026-13-45", "1:4: '2026-13-45' can't be read", "a text in quotes"),
    (b"a: 1\nb:\n\tc: 1\n", "3:1: not YAML: found character", "indent with blanks, not with tabs"),
    (b"a: 1\nb\xc3\xa9: x\x07y\n", "2:6: U+0007 acts on a terminal", "remove the character"),
    ("a: 1\r\n# Huế \u202e\r\n".encode(), "2:7: U+202E acts on a terminal", "remove the character"),
    (b"a: 1\nb: \xe9\n", "2:1: byte 0xe9 is not UTF-8", "save the file as UTF-8"),
    ("a: 1".encode("utf-16"), "1:1: byte 0xff is not UTF-8", "save the file as UTF-8"),
    (b"a: 1\n---\nb: 2\n", "not YAML: but found another document", "check indentation"),
    (b"? [a]\n: 1\n", "1:3: a key is a word", "write `word: value`"),
    (b"#\n" * MIB, "1:1: the file is empty", "see a file beside it"),
    (b"", "1:1: the file is empty", "see a file beside it"),
]  # fmt: skip


@pytest.mark.hostile
@pytest.mark.parametrize(("raw", "message", "hint"), HOSTILE)
def test_hostile_yaml_is_refused_by_name_under_a_second(raw: bytes, message: str, hint: str) -> None:
    started = time.process_time()
    with pytest.raises(RuleError) as refused:
        parse_source(raw, "x.rule.yaml")
    assert time.process_time() - started < slowness()
    assert message in str(refused.value)
    assert hint in refused.value.hint
    assert len(str(refused.value)) < 500
    assert len(refused.value.others) <= MAX_SLIPS


@pytest.mark.hostile
@pytest.mark.parametrize("key", ["severity", "id", "domain", "x" * 1000])
def test_a_value_of_two_megabytes_is_told_by_its_beginning(folder: Path, capsys: Said, key: str) -> None:
    path = folder / "linux.ssh.example.rule.yaml"
    lines = [line for line in RULE.splitlines() if not line.startswith(f"{key}:")]
    big = "x" * (limits.MAX_YAML_BYTES - len(RULE.encode()) - 2000)
    path.write_text("\n".join([f"{key}: {big}", *lines]), encoding="utf-8")
    started = time.process_time()
    assert main(["check", str(folder)]) == 1
    assert time.process_time() - started < slowness()
    assert len(capsys.readouterr().err) < 2000


def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing() -> None:
    plain = parse_source(RULE.encode(), "x")
    windows = parse_source(b"\xef\xbb\xbf" + RULE.replace("\n", "\r\n").encode(), "x")
    assert windows.value == plain.value
    assert windows.place(("severity",)) == plain.place(("severity",))


@pytest.mark.hostile
def test_what_an_author_wrote_is_inert_on_a_terminal(folder: Path, capsys: Said) -> None:
    (folder / "linux.ssh.\x1b[2Jother.rule.yml").write_text("", encoding="utf-8")
    cases = CASES.replace("fail-telnet", r'"fail-\e[2J\u202e"').replace("total: 1", "total: 2")
    (folder / "linux.ssh.example.cases.yaml").write_text(cases, encoding="utf-8")
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().err
    assert r"fail-\u001b[2J\u202e: expected evidence total 2, got 1" in said
    assert r"linux.ssh.\u001b[2Jother.rule.yml:1:1: warning: this file is not read" in said
    assert all(c.isprintable() for line in said.splitlines() for c in line)
