"""The pages of facts and rules are written from the declarations and files themselves, every one of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.sources import ROOT

from vonggac_contract.facts import TOPICS

WRITER = ROOT / "packaging" / "setup" / "reference_doc.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, WRITER, *arguments], capture_output=True, text=True, check=False, timeout=50
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "reference"
    done = run("--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_fact_and_every_rule_has_its_page(reference: Path) -> None:
    assert {p.stem for p in (reference / "facts").iterdir()} == set(TOPICS)
    files = (ROOT / "policies" / "packs").rglob("*.rule.yaml")
    assert {p.stem for p in (reference / "rules").iterdir()} == {
        p.name.removesuffix(".rule.yaml") for p in files
    }


def test_every_link_leads_to_a_page(reference: Path) -> None:
    broken = []
    for page in reference.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+\.md)\)", page.read_text("utf-8")):
            if not (page.parent / target).is_file() and target != "../rules.md":
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_index_of_rules_begins_with_where_the_requirements_come_from(reference: Path) -> None:
    head = (reference / "rules.md").read_text("utf-8").split("## ")[0]
    assert "unofficial" in head
    assert "không chính thức" in head
    assert "331/2026/NĐ-CP" in head


def test_a_page_of_a_rule_holds_its_thresholds_by_level_its_clauses_and_its_cases(reference: Path) -> None:
    page = (reference / "rules" / "linux.logging.retention.md").read_text("utf-8")
    assert "| `period` |" in page
    assert "| 30 days | 90 days | 180 days | 360 days |" in page
    assert "`logging.retention`" in page
    assert "| - | 4.8.2.1 a | 5.8.2.1 a | 6.8.2.1 a | 7.8.2.1 a |" in page
    assert "| fail |" in page


def test_a_page_of_a_fact_says_what_moves_what_is_unseen_and_who_reads_it(reference: Path) -> None:
    page = (reference / "facts" / "socket.listening.md").read_text("utf-8")
    assert "not answered: it needs the running system" in page
    assert "| `pid` | int, or none | Process id (moves by itself) |" in page
    assert "`(empty)`: could not be seen" in page
    assert "](../rules/linux.exposure.unowned.md): `sockets`" in page


def test_a_page_that_was_changed_dropped_or_left_over_is_noticed(reference: Path) -> None:
    assert run("--check", "--out", reference).returncode == 0
    page = reference / "facts" / "sysctl.md"
    text = page.read_text("utf-8")
    for spoil in (lambda: page.write_text(text + "x", "utf-8"), page.unlink):
        spoil()
        done = run("--check", "--out", reference)
        assert (done.returncode, "facts/sysctl.md" in done.stderr) == (1, True)
    left = reference / "rules" / "linux.gone.md"
    left.write_text("x", "utf-8")
    page.write_text(text, "utf-8")
    assert "rules/linux.gone.md" in run("--check", "--out", reference).stderr
    assert run("--out", reference).returncode == 0
    assert not left.exists()


def test_docs_reference_is_what_the_declarations_and_files_say() -> None:
    done = run("--check")
    assert done.returncode == 0, done.stderr
