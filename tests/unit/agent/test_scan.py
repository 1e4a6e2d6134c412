"""A scan: decided again from saved facts it says the same, and shown it does nothing to a terminal."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agent.twin import NOW, PROFILE, rulebook_bytes

from vonggac_agent.cli import main, parser
from vonggac_agent.display import _steps, inert, scan_to_text, worst
from vonggac_agent.host import Host
from vonggac_agent.scan import Scan, reaches, read_snapshot, scan_host, scan_saved, scan_to_json
from vonggac_contract.facts import FactKey, Known, Unavailable
from vonggac_contract.facts.system import HostIdentity, OsRelease
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.rule import Text
from vonggac_contract.snapshot import Snapshot, snapshot_to_bytes
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.rulebook import load_rulebook

BOOK = load_rulebook(rulebook_bytes())
DEAR = ("package.inventory", "package.updates", "socket.listening", "tls.listener")
"""Facts whose gathering takes seconds."""
TIMING = {"wall_s": 0.5, "cpu_s": 0.25, "peak_rss_bytes": 50 * 2**20}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "rulebook.json"
    path.write_bytes(rulebook_bytes())
    return path


def identity(hostname: str) -> Known:
    return Known(HostIdentity(hostname, "", "x86_64", [], 1, 1, ""), "test")


def finding(outcome: Outcome, severity: str = "high", **more: object) -> Finding:
    given = {
        "rule": "linux.test.release",
        "outcome": outcome,
        "severity": severity,
        "domain": "configuration",
    }
    return msgspec.convert(given | more, Finding)


def shown(findings: list[Finding], language: str = "en", hostname: str = "may-chu") -> str:
    snapshot = Snapshot(NOW, "linux", {FactKey("host.identity"): identity(hostname)})
    scan = Scan(snapshot, BOOK, PROFILE, findings, NOW, NOW, 0.1)
    return "\n".join(scan_to_text(scan, TIMING, language))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scan() -> Scan:
    """This machine, looked at with nothing left out."""
    return scan_host(Host(now=NOW), BOOK, PROFILE)


def test_this_machine_is_looked_at_and_everything_unseen_has_a_reason(scan: Scan) -> None:
    release = scan.snapshot.facts[FactKey("os.release")]
    assert isinstance(release, Known)
    assert release.value.id in Path("/etc/os-release").read_text()
    assert {f.rule for f in scan.findings} == set(BOOK.rules)
    for fact in scan.snapshot.facts.values():
        if isinstance(fact, Unavailable):
            assert fact.reason


def test_saved_facts_decided_again_say_the_same(scan: Scan, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(snapshot_to_bytes(scan.snapshot))
    again = scan_saved(read_snapshot(path), BOOK, PROFILE)
    assert again.findings == scan.findings
    assert again.snapshot.taken_at == NOW


def test_a_disabled_fact_is_unavailable_by_the_owners_word_and_its_rule_unknown() -> None:
    scan = scan_host(Host(now=NOW), BOOK, PROFILE, disabled=(*DEAR, "os.release"))
    fact = scan.snapshot.facts[FactKey("os.release")]
    assert isinstance(fact, Unavailable)
    assert fact.reason == "disabled-by-owner"
    (found,) = [f for f in scan.findings if f.rule == "linux.test.release"]
    assert (found.outcome, found.reason) == (Outcome.UNKNOWN, "disabled-by-owner")


def test_a_mounted_root_is_looked_at_instead_of_this_machine(tmp_path: Path, book: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=fedora\nVERSION_ID="40"\nNAME=Fedora\nPRETTY_NAME=Fedora\n')
    scan = scan_host(Host(root, now=NOW), BOOK, PROFILE)
    release = scan.snapshot.facts[FactKey("os.release")]
    assert isinstance(release, Known)
    assert isinstance(release.value, OsRelease)
    assert release.value.id == "fedora"
    assert isinstance(scan.snapshot.facts[FactKey("socket.listening")], Unavailable)


def test_the_json_has_the_promised_shape(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONGGAC_DISABLED_FACTS", ",".join(DEAR))
    assert main(["scan", "--rules", str(book), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) >= {"host", "rulebook", "profile", "findings", "facts", "timing"}
    assert told["rulebook"] == {"digest": BOOK.digest, "version": "1"}
    assert told["profile"] == PROFILE
    assert set(told["timing"]) == {"wall_s", "cpu_s", "peak_rss_bytes"}
    assert told["timing"]["peak_rss_bytes"] > 10 * 2**20
    assert {f["rule"] for f in told["findings"]} == set(BOOK.rules)
    for each in told["findings"]:
        assert each["outcome"] in {"pass", "fail", "partial", "unknown", "not-applicable"}
        assert {"severity", "domain"} <= set(each)
        assert each.get("reason") or each["evidence"]
        for piece in each.get("evidence", []):
            assert {"fact", "expected", "actual"} <= set(piece)
    assert isinstance(told["facts"]["known"], int)
    assert all({"fact", "reason"} <= set(u) for u in told["facts"]["unavailable"])


@pytest.mark.parametrize(
    ("outcome", "severity", "asked", "reached"),
    [
        (Outcome.FAIL, "high", "high", True), (Outcome.FAIL, "critical", "high", True),
        (Outcome.FAIL, "medium", "high", False), (Outcome.PARTIAL, "high", "medium", True),
        (Outcome.UNKNOWN, "high", "high", True), (Outcome.PASS, "critical", "low", False),
        (Outcome.NOT_APPLICABLE, "critical", "low", False),
    ],
)  # fmt: skip
def test_what_leaves_something_to_do_reaches_its_severity(
    outcome: Outcome, severity: str, asked: str, reached: bool
) -> None:
    assert reaches([finding(outcome, severity)], asked) is reached  # type: ignore[arg-type]


def test_exit_codes_tell_good_findings_and_wrong_use(
    tmp_path: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "facts.json"
    release = Known(OsRelease("fedora", "40", "", "Fedora", "redhat"), "test")
    facts.write_bytes(snapshot_to_bytes(Snapshot(NOW, "linux", {FactKey("os.release"): release})))
    words = ["scan", "--rules", str(book), "--facts", str(facts)]
    assert main([*words, "--json"]) == 0
    assert main([*words, "--fail-on", "high"]) == 1
    assert main([*words, "--fail-on", "critical"]) == 0
    for wrong in (
        ["scan", "--rules", str(tmp_path / "none")],
        ["scan", "--rules", str(facts)],
        [*words, "--profile", "none"],
        ["scan", "--rules", str(book), "--facts", str(book)],
        ["scan", "--rules", str(book), "--root", str(tmp_path / "none")],
        # An empty folder, as where a disk was not mounted, would look clean.
        ["scan", "--rules", str(book), "--root", str(tmp_path)],
    ):
        capsys.readouterr()
        assert main(wrong) == 2, wrong
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("vonggac-agent: ")
        assert "Traceback" not in said.err


def test_the_worst_stands_first_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(
        [
            finding(Outcome.PASS),
            finding(Outcome.UNKNOWN, reason="permission-denied"),
            finding(Outcome.FAIL, "low", evidence=[Evidence("os.release", "debian", "fedora", "equals")]),
            finding(Outcome.FAIL, "critical"),
        ]
    )
    heads = [line.split("]")[0] for line in text.splitlines() if "(linux.test.release)" in line]
    assert heads == ["FAIL  [critical", "FAIL  [low", "UNKNOWN  [high", "PASS  [high"]
    assert "os.release: expected equals debian; actual fedora" in text
    assert "fix: Rule linux.test.release" in text
    assert "1 pass, 2 fail" in text


def test_the_output_ends_with_what_to_do_first() -> None:
    made = [
        finding(Outcome.UNKNOWN, "critical", reason="timed-out"),
        finding(Outcome.FAIL, "medium", rule="linux.test.passwd-owner"),
        finding(Outcome.PARTIAL, "critical"),
        finding(Outcome.PASS, "critical"),
    ]
    named = "linux.test.release, linux.test.passwd-owner"
    assert worst(made) == named.split(", ")
    assert shown(made).splitlines()[-2:] == [
        f"do first: {named}",
        "next: vonggac-rules show linux.test.release --lang en",
    ]
    assert shown(made, "vi").splitlines()[-2:] == [
        f"nên xử lý trước: {named}",
        "bước tiếp theo: vonggac-rules show linux.test.release",
    ]


def test_of_many_failures_three_are_named_and_of_none_nothing() -> None:
    last = shown([finding(Outcome.FAIL)] * 5).splitlines()[-2]
    assert last.count("linux.test.release") == 3
    assert "do first" not in shown([finding(Outcome.PASS), finding(Outcome.UNKNOWN, reason="timed-out")])


def test_vietnamese_is_spoken_where_it_is_asked_for() -> None:
    text = shown([finding(Outcome.FAIL)], "vi")
    assert "KHÔNG ĐẠT  [cao] Quy tắc linux.test.release" in text
    assert "1 không đạt" in text


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_command_of_every_fix_is_shown_unbroken(language: Literal["vi", "en"]) -> None:
    """However narrow, so that it can be copied; the prose around it is wrapped to the width, as one paragraph."""
    book = load_rulebook(default_rulebook_bytes())
    (profile, *_) = book.profiles
    for rule in book.rules.values():
        for family, text in rule.fix.items():
            release = msgspec.structs.replace(OsRelease("a", "1", "", "A", "other"), family=family)
            snapshot = Snapshot(NOW, "linux", {FactKey("os.release"): Known(release, "test")})
            found = finding(Outcome.FAIL, rule=rule.id)
            scan = Scan(snapshot, book, profile, [found], NOW, NOW, 0.1)
            told = list(scan_to_text(scan, TIMING, language, width=60))
            lines = getattr(text, language).rstrip().split("\n")
            commands = [line for line in lines if line.startswith(" ")]
            assert commands == [line[6:] for line in told if line.startswith("       ")], rule.id
            prose = [line for line in told if line.startswith("    ") and not line.startswith("       ")]
            assert all(len(line) <= 60 or " " not in line.strip() for line in prose), rule.id


def test_prose_of_a_fix_that_was_written_over_two_lines_is_one_paragraph() -> None:
    text = "Đặt lại quyền, rồi\nkhởi động lại:\n  sudo chmod 0600  /a\n\n  reboot\nXong."
    told = list(_steps(f"cách sửa: {text}", 30))
    assert told == [
        "    cách sửa: Đặt lại quyền,",
        "      rồi khởi động lại:",
        "        sudo chmod 0600  /a",
        "",
        "        reboot",
        "      Xong.",
    ]


@pytest.mark.parametrize(
    ("operator", "expected", "actual", "vi", "en"),
    [
        ("is", True, False, "yêu cầu là đúng; hiện tại sai", "expected is true; actual false"),
        ("equals", "a", "", "yêu cầu bằng a; hiện tại (để trống)", "expected equals a; actual (empty)"),
        ("equals", "", "a", "yêu cầu để trống; hiện tại a", "expected is empty; actual a"),
        ("equals", 0, 1, "yêu cầu bằng 0; hiện tại 1", "expected equals 0; actual 1"),
        ("one_of", ["a", ""], None, "là một trong: a, (để trống); hiện tại không có", "a, (empty); actual none"),
    ],
)  # fmt: skip
def test_values_are_said_in_words(operator: str, expected: object, actual: object, vi: str, en: str) -> None:
    piece = {"fact": "sshd.effective x", "expected": expected, "actual": actual, "operator": operator}
    for language, words in (("vi", vi), ("en", en)):
        assert words in shown([finding(Outcome.FAIL, evidence=[piece])], language)


def test_that_a_file_is_there_is_not_told_as_the_fault_where_more_is_asked_of_it() -> None:
    watch = "audit.watch{path: /etc/passwd}"
    there = {"fact": f"{watch} exists", "expected": False, "actual": True, "operator": "is"}
    missed = {"fact": f"{watch} everybody", "expected": "w", "actual": [], "operator": "contains"}
    text = shown([finding(Outcome.FAIL, evidence=[there, missed, {**missed, "expected": "a"}])])
    assert f"{watch} exists" not in text
    assert text.count(f"{watch} everybody: expected contains") == 2
    assert f"{watch} exists: expected is false; actual true" in shown(
        [finding(Outcome.FAIL, evidence=[there])]
    )


HOSTILE = "\x1b]0;owned\x07\x1b[2J‮txt.exe \x00\x9b\r\n‎"


@pytest.mark.hostile
@given(st.text(max_size=200))
def test_text_from_the_machine_is_inert_on_a_terminal(text: str) -> None:
    for char in inert(text + HOSTILE):
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.hostile
def test_a_hostile_host_does_nothing_to_the_terminal() -> None:
    piece = Evidence(HOSTILE, [HOSTILE], {"name": HOSTILE}, "equals", [{"name": HOSTILE}], 9)
    bad = finding(Outcome.FAIL, detail=HOSTILE, reason=HOSTILE, evidence=[msgspec.to_builtins(piece)])
    text = shown([bad], "vi", HOSTILE)
    assert {unicodedata.category(c) for c in text} & {"Cc", "Cf", "Zl", "Zp"} <= {"Cc"}
    assert {c for c in text if unicodedata.category(c) == "Cc"} == {"\n"}


@pytest.mark.hostile
def test_a_hostile_rulebook_does_nothing_to_the_terminal() -> None:
    """One that was loaded, as if what refuses such texts had not been asked."""
    rule = BOOK.rules["linux.test.release"]
    words = Text(HOSTILE, f"{HOSTILE}\n  {HOSTILE}\ta\n\n{HOSTILE}")
    bad = msgspec.structs.replace(rule, title=words, why=words, fix={"any": words})
    book = copy.copy(BOOK)
    book.rules = {**BOOK.rules, rule.id: bad}
    scan = Scan(Snapshot(NOW, "linux", {}), book, PROFILE, [finding(Outcome.FAIL)], NOW, NOW, 0.1)
    for language in ("vi", "en"):
        text = "\n".join(scan_to_text(scan, TIMING, language))
        assert {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}} <= {"\n", "\t"}
        assert "owned" in text


def test_letters_of_vietnam_are_shown_as_they_are() -> None:
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "Ủy ban nhân dân tỉnh Thừa Thiên Huế")
        assert inert(name) == name


def test_every_command_explains_itself_with_an_example() -> None:
    pending = [parser()]
    seen = 0
    while pending:
        each = pending.pop()
        for action in each._actions:
            if isinstance(action.choices, dict):
                pending.extend(action.choices.values())
        assert "vonggac-agent" in each.format_help()
        if each.prog.count(" ") and not each.epilog:
            pytest.fail(f"{each.prog} has no example")
        seen += 1
    assert seen > 8


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'msgspec', 'cryptography', 'apsw', 'urllib3', 'psutil', 'yaml', 're2', 'vonggac_contract'}"
    code = f"import sys, vonggac_agent.cli as c; c.parser(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_shape_for_programs_holds_what_was_found() -> None:
    scan = scan_host(Host(now=NOW), BOOK, PROFILE)
    told = scan_to_json(scan, TIMING)
    assert told["facts"]["known"] + len(told["facts"]["unavailable"]) == len(scan.snapshot.facts)
    assert told["host"]["platform"] == "linux"
