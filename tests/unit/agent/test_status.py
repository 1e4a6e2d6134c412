"""What `status` says of a machine: nothing that somebody should know is only in the JSON."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.agent.twin import NOW, Machine

from vonggac_agent import identity, rounds
from vonggac_agent.cli import main
from vonggac_agent.safety import create_private
from vonggac_agent.settings import load_settings
from vonggac_agent.spool import FILE
from vonggac_agent.spool_room import DROPPED
from vonggac_agent.status import last_statement, status

Said = pytest.CaptureFixture[str]


@pytest.fixture
def state(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    return machine


def told() -> dict[str, Any]:
    return status(load_settings(None)[0], NOW)


def test_a_machine_that_was_never_looked_at_is_not_green_though_it_has_a_spool(
    state: Machine, capsys: Said
) -> None:
    assert told()["health"] == "yellow"
    assert main(["status", "--lang", "vi"]) == 0
    assert "! máy chưa được kiểm tra lần nào từ khi có khóa này" in capsys.readouterr().out
    state.report()
    assert (told()["health"], told()["problems"]) == ("green", [])


def test_while_the_service_makes_the_spool_nothing_is_read_of_it(state: Machine, capsys: Said) -> None:
    """The file is there before its tables are; whoever asks in between is not met by a fault of the database."""
    state.spool.close()
    for file in state.folder.glob(FILE + "*"):
        file.unlink()
    create_private(state.folder / FILE, b"")
    assert (told()["health"], told()["last_report"]) == ("yellow", None)
    assert last_statement(load_settings(None)[0]) is None
    assert main(["receipt", "--lang", "en"]) != 0
    assert "no receipt" in capsys.readouterr().err
    assert (state.folder / FILE).stat().st_size == 0


def test_reports_that_were_dropped_for_want_of_room_are_said(state: Machine, capsys: Said) -> None:
    state.report()
    main(["status", "--lang", "vi"])
    assert "vì thiếu chỗ" not in capsys.readouterr().out
    state.spool.count(DROPPED, 3)
    main(["status", "--lang", "vi"])
    assert "đã bỏ 3 báo cáo vì thiếu chỗ" in capsys.readouterr().out


def test_reports_that_wait_for_an_officer_are_said_until_they_are_sealed_again(
    state: Machine, capsys: Said
) -> None:
    for name in "ab":
        state.report(name)
    state.spool.quarantine(state.chain, "409 seq-fork report 1", NOW)
    main(["status", "--lang", "vi"])
    assert "! 2 báo cáo đang được giữ lại cho đến khi cán bộ" in capsys.readouterr().out
    enrolled = replace(state.identity.enrolled, epoch=2)
    identity.write_identity(state.folder, replace(state.identity, enrolled=enrolled))
    said = told()
    assert (said["health"], said["spool"]["unsent"]) == ("yellow", 0)
    main(["status", "--lang", "vi"])
    assert "! 2 báo cáo đang được giữ lại, sẽ niêm phong lại và gửi ở lượt tới" in capsys.readouterr().out
    with rounds.opened(load_settings(None)[0]):
        pass
    assert told()["spool"] | {"unsent": 2, "held": 0} == told()["spool"]
