"""The authors' command: what it takes, what it says, how it ends."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from vonggac_rules.cli import main
from vonggac_rules.rulebook import load_rulebook

from .test_slips import CASES, LOCAL, PROFILE, RULE

Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pack = tmp_path / "policies"
    pack.mkdir()
    (pack / "linux.ssh.example.rule.yaml").write_text(RULE, encoding="utf-8")
    (pack / "linux.ssh.example.cases.yaml").write_text(CASES, encoding="utf-8")
    other = RULE.replace("ssh.example", "ssh.other").replace("at_most", "at_mots")
    (pack / "linux.ssh.other.rule.yaml").write_text(other, encoding="utf-8")
    (pack / "example-level3.profile.yaml").write_text(PROFILE, encoding="utf-8")
    local = tmp_path / "local"
    local.mkdir()
    (local / "health-level3.profile.yaml").write_text(LOCAL, encoding="utf-8")
    return pack


def test_check_says_what_is_wrong_with_all_or_only_with_what_is_named(folder: Path, capsys: Said) -> None:
    assert main(["check", str(folder)]) == 1
    assert "linux.ssh.other.rule.yaml:13:51: no key 'at_mots' here" in capsys.readouterr().err
    assert main(["check", str(folder), "--only", "linux.ssh.ex*"]) == 0
    assert capsys.readouterr().out == "1 rule, 3 cases: all hold\n"
    assert main(["check", str(folder / "linux.ssh.example.rule.yaml")]) == 0
    assert main(["check", str(folder / "linux.ssh.other.rule.yaml"), "--json"]) == 1


def test_one_error_is_called_one_error(folder: Path, capsys: Said) -> None:
    (folder / "linux.ssh.other.cases.yaml").write_text(CASES, encoding="utf-8")
    assert main(["check", str(folder)]) == 1
    assert capsys.readouterr().out == "1 rule, 3 cases, 1 profile: 1 error\n"


def test_show_of_a_name_that_no_rule_has_names_the_nearest(capsys: Said) -> None:
    assert main(["show", "linux.ssh.root-logon"]) == 2
    assert "linux.ssh.root-login" in capsys.readouterr().err


@pytest.mark.hostile
def test_what_is_no_regular_file_is_refused_by_name_and_waited_for_by_nobody(
    folder: Path, capsys: Said
) -> None:
    os.mkfifo(folder / "linux.ssh.pipe.rule.yaml")
    (folder / "linux.ssh.folder.rule.yaml").mkdir()
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(folder):
        bound.bind("a.rule.yaml")
        assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().err
    for name in ("linux.ssh.pipe.rule.yaml", "linux.ssh.folder.rule.yaml", "a.rule.yaml"):
        assert f"{name}:1:1: not a regular file" in said


@pytest.mark.hostile
def test_a_link_out_of_the_folder_shows_nothing_of_what_it_leads_to(folder: Path, capsys: Said) -> None:
    (folder.parent / "shadow").write_text("root:$y$hidden\n: :", encoding="utf-8")
    (folder / "linux.ssh.out.rule.yaml").symlink_to(folder.parent / "shadow")
    (folder / "linux.ssh.up.profile.yaml").symlink_to("../shadow")
    (folder / "linux.ssh.gone.rule.yaml").symlink_to("nowhere")
    (folder / "linux.ssh.round.rule.yaml").symlink_to("linux.ssh.round.rule.yaml")
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().err
    assert "hidden" not in said
    assert "linux.ssh.out.rule.yaml:1:1: a link that leads out of the folder" in said
    assert "linux.ssh.up.profile.yaml:1:1: a link that leads out of the folder" in said
    assert "linux.ssh.gone.rule.yaml:1:1: no such file, or a link that leads nowhere" in said
    assert "linux.ssh.round.rule.yaml:1:1: no such file, or a link that leads nowhere" in said


def test_a_link_within_the_folder_and_a_folder_that_is_a_link_are_followed(
    folder: Path, capsys: Said
) -> None:
    (folder / "kept").mkdir()
    (folder / "example-level3.profile.yaml").rename(folder / "kept" / "text")
    (folder / "example-level3.profile.yaml").symlink_to("kept/text")
    (folder / "linux.ssh.other.rule.yaml").unlink()
    (folder.parent / "link").symlink_to(folder)
    assert main(["check", str(folder.parent / "link")]) == 0
    assert "1 profile: all hold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('at_most: "${tries}"', "at_least: .nan", "nan is no number to compare with"),
        ('at_most: "${tries}"', "between: [-.inf, 4]", "-inf is no number to compare with"),
        ('at_most: "${tries}"', f"at_most: {10**400}", "is no number to compare with"),
        ('at_most: "${tries}"', "at_most: 014", "014 would be read in base 8 or 60"),
        ('at_most: "${tries}"', "at_most: 1:30", "1:30 would be read in base 8 or 60"),
        ("default: 4", "default: .inf", "inf is no number to compare with"),
        ('one_of: ["no", prohibit-password]', 'matches: ".*"', "every text matches '.*', so this can never fail"),
        ('one_of: ["no", prohibit-password]', 'matches: "(?s).*"', "so this can never fail"),
    ],
)  # fmt: skip
def test_a_comparison_that_compares_nothing_is_an_error_with_its_place(
    folder: Path, capsys: Said, old: str, new: str, message: str
) -> None:
    (folder / "linux.ssh.other.rule.yaml").unlink()
    (folder / "linux.ssh.example.rule.yaml").write_text(RULE.replace(old, new), encoding="utf-8")
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("linux.ssh.example.rule.yaml:1")
    assert message in said


def test_check_of_a_name_that_no_rule_has_is_wrong_use(folder: Path, capsys: Said) -> None:
    assert main(["check", str(folder), "--only", "linux.ssh.exampel"]) == 2
    assert "did you mean linux.ssh.example?" in capsys.readouterr().err


def test_compile_adds_local_profiles_and_says_what_they_change(folder: Path, capsys: Said) -> None:
    (folder / "linux.ssh.other.rule.yaml").unlink()
    out = folder / "book.json"
    assert main(["compile", str(folder), "--profiles", str(folder.parent / "local"), "--out", str(out)]) == 0
    assert (
        "health-level3 extends example-level3, instead of it at level 3; changes: 1"
        in capsys.readouterr().out
    )
    book = load_rulebook(out.read_bytes())
    assert book.profile_for_level(3).rules == {"linux.ssh.example": {"tries": 3}}


def test_compile_refuses_a_local_value_that_takes_a_rules_sense(folder: Path, capsys: Said) -> None:
    (folder / "linux.ssh.other.rule.yaml").unlink()
    part = '- {fact: sshd.effective, field: maxauthtries, at_most: "${tries}"}'
    two = f"- {{fact: sshd.effective, field: maxauthtries, between: [2, 5]}}\n    {part}"
    (folder / "linux.ssh.example.rule.yaml").write_text(RULE.replace(part, two), encoding="utf-8")
    (folder / "linux.ssh.example.cases.yaml").write_text(
        CASES.replace("maxauthtries: 5", "maxauthtries: 4"), encoding="utf-8"
    )
    local = folder.parent / "local"
    (local / "health-level3.profile.yaml").write_text(LOCAL.replace("tries: 3", "tries: 1"), encoding="utf-8")
    out = folder / "book.json"
    assert main(["compile", str(folder), "--profiles", str(local), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert "health-level3.profile.yaml:6:23: with tries: 1 of health-level3" in said
    assert "no facts can make this rule pass" in said
    assert not out.exists()


def test_compile_takes_this_releases_rulebook_where_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.profile.yaml").write_text(
        "id: a\nextends: tcvn14423-level3\ntitle: {vi: a, en: a}\nset: {linux.tls.expires-soon: {ahead: -P45D}}\n"
    )
    out = tmp_path / "book.json"
    assert main(["compile", "--profiles", str(tmp_path), "--out", str(out)]) == 0
    book = load_rulebook(out.read_bytes())
    assert book.version.endswith("+local")
    assert book.profile_for_level(3).id == "tcvn14423-level3"
    [change] = book.profile("a").changes
    assert (change.rule, change.before, change.after) == ("linux.tls.expires-soon", "-P30D", "-P45D")
    assert main(["compile", "--out", str(out)]) == 2


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            ["show", "x", "--rulebook", "{}"],
            "not a JSON object",
            "that `vonggac-rules compile` of this release",
        ),
        (
            ["eval", "--facts", "{}", "--profile", "x"],
            "not JSON",
            "`vonggac-agent scan --save-facts` of this",
        ),
        (["check", "{}"], "example-level3.profile.yaml is no file of a rule", "--profiles DIR"),
        (
            ["show", "x", "--rulebook", "{}/x"],
            "example-level3.profile.yaml/x: Not a directory",
            "check the path",
        ),
        (["show", "x", "--rulebook", "{}.x"], "profile.yaml.x: No such file or directory", "check the path"),
    ],
)
def test_a_file_of_another_kind_is_wrong_use_and_the_right_kind_is_named(
    folder: Path, capsys: Said, arguments: list[str], message: str, hint: str
) -> None:
    path = str(folder / "example-level3.profile.yaml")
    assert main([a.format(path) for a in arguments]) == 2
    said = capsys.readouterr().err
    assert path in said or "check" in arguments
    assert message in said
    assert hint in said
    assert "Errno" not in said


def test_check_of_a_rules_file_of_cases_is_check_of_the_rule(folder: Path, capsys: Said) -> None:
    assert main(["check", str(folder / "linux.ssh.example.cases.yaml")]) == 0
    assert capsys.readouterr().out == "1 rule, 3 cases: all hold\n"
    (folder / "linux.ssh.example.rule.yml").write_text(RULE, encoding="utf-8")
    assert main(["check", str(folder / "linux.ssh.example.rule.yml")]) == 2
    assert "a rule's file, which ends in .rule.yaml" in capsys.readouterr().err
    assert main(["check", str(folder), "--only", "linux.ssh.example"]) == 0
    assert "linux.ssh.example.rule.yml:1:1: warning: this file is not read" in capsys.readouterr().err
