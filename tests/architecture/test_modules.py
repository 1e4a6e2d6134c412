"""No module of the four distributions does what the lints forbid, and none outgrows one reading."""

from __future__ import annotations

import pytest
from tests.architecture import lints
from tests.architecture.lints import Lint
from tests.architecture.sources import DECIDING, DISTRIBUTIONS, ROOT, modules

LONGEST_MODULE = 400

# Places that may do what a lint forbids: path and function, and why that is safe.
ALLOWED: dict[Lint, dict[str, str]] = {
    lints.reaches_only_for_literal_names: {},
}

TOLD_NO_TIME = {
    "policies/src/vonggac_rules/ceremony.py::_now": "a command of people, who sign until so many days from now",
}


@pytest.mark.parametrize(
    "lint",
    [
        lints.runs_no_text_as_code,
        lints.starts_programs_by_fixed_argv,
        lints.reaches_only_for_literal_names,
        lints.loses_no_error,
        lints.compares_secrets_in_constant_time,
        lints.patterns_stay_in_their_line,
    ],
)
def test_no_module_breaks_a_lint(lint: Lint) -> None:
    allowed = ALLOWED.get(lint, {})
    complaints = [complaint for source in modules() for complaint in lint(source)]
    assert [str(complaint) for complaint in complaints if complaint.place not in allowed] == []
    unused = allowed.keys() - {complaint.place for complaint in complaints}
    assert not unused, "these exceptions are no longer needed"


def test_modules_that_decide_ask_no_clock() -> None:
    deciding = [source for source in modules() if str(source.path).startswith(DECIDING)]
    complaints = [complaint for source in deciding for complaint in lints.asks_no_clock(source)]
    assert [str(complaint) for complaint in complaints if complaint.place not in TOLD_NO_TIME] == []
    assert {complaint.place for complaint in complaints} == TOLD_NO_TIME.keys()


def test_the_lints_see_every_distribution_and_every_room_that_decides() -> None:
    paths = [str(source.path) for source in modules()]
    for folder in (*(f"{name}/src/" for name in DISTRIBUTIONS), *DECIDING):
        assert any(path.startswith(folder) for path in paths), folder


def test_no_module_is_longer_than_one_reading() -> None:
    lengths = {str(source.path): (ROOT / source.path).read_text().count("\n") for source in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}
