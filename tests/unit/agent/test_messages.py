"""Every sentence for people has its Vietnamese; logs, reports and JSON stay English."""

from __future__ import annotations

import ast
import errno
import json
import os
import string
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.agent.twin import Machine

from vonggac_agent import errors
from vonggac_agent.cli import main
from vonggac_agent.display import WORDS
from vonggac_agent.errors import AgentError, SpoolFailing, WrongSetting
from vonggac_agent.messages import Said, language_of, say, translated
from vonggac_agent.settings import load_settings
from vonggac_agent.vietnamese import TEXTS
from vonggac_contract.errors import ContractError
from vonggac_rules.errors import RuleError

SOURCE = Path(errors.__file__).parent
SPEAKERS = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {
    "Said",
    "say",
    "translated",
}
STATES = {"unsent", "received", "refused", "replaced", "report", "heartbeat", "green", "yellow", "red"}
REASONS = {
    os.strerror(number)
    for number in (
        errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC,
        errno.EDQUOT, errno.EROFS, errno.EIO, errno.ELOOP,
    )
}  # fmt: skip


def sentences() -> Iterator[str]:
    """Every text that the code says: what is given to an error, to `Said` and `say`, and every hint."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKERS:
                hints = [k.value for k in node.keywords if k.arg == "hint"]
                for argument in (*node.args[:2], *hints):
                    assert not isinstance(argument, ast.JoinedStr), (
                        f"{path}:{node.lineno} cannot be translated"
                    )
                    either = (
                        (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,)
                    )
                    for each in either:
                        if isinstance(each, ast.Constant) and isinstance(each.value, str):
                            yield each.value
    pending: list[type[AgentError | ContractError]] = [AgentError, ContractError]
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if kind.__module__.startswith(("vonggac_agent", "vonggac_contract", "vonggac_rules")):
            yield kind.hint
    yield from WORDS.values()
    yield from STATES | REASONS


def slots(text: str) -> list[tuple[str, str | None, str | None]]:
    parsed = string.Formatter().parse(text)
    return sorted((name, spec, how) for _, name, spec, how in parsed if name is not None)


def has_words(text: str) -> bool:
    return any(c.isalpha() for literal, *_ in string.Formatter().parse(text) for c in literal)


def test_the_table_holds_every_sentence_of_the_code_and_nothing_else() -> None:
    assert RuleError.hint in TEXTS
    said = {text for text in sentences() if has_words(text)}
    assert said - set(TEXTS) == set()
    assert set(TEXTS) - said == set()


def test_a_translation_has_the_placeholders_of_its_sentence() -> None:
    for english, vietnamese in TEXTS.items():
        assert slots(english) == slots(vietnamese), english


def test_vietnamese_is_composed_and_never_the_english() -> None:
    for english, vietnamese in TEXTS.items():
        assert unicodedata.is_normalized("NFC", vietnamese)
        assert english != vietnamese


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"), ({"LANG": "vi_VN.UTF-8"}, "vi"), ({"LANG": "C.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "vi_VN"}, "en"), ({"LC_ALL": "", "LC_MESSAGES": "vi_VN", "LANG": "C"}, "vi"),
    ],
)  # fmt: skip
def test_the_language_is_that_of_the_locale(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_an_error_is_english_to_programs_and_vietnamese_to_a_person() -> None:
    error = WrongSetting("cannot read {path}: {reason}", path="/etc/x", reason="Permission denied")
    assert str(error) == f"{error}" == "cannot read /etc/x: Permission denied"
    assert type(str(error)) is str
    assert error.said.spoken("vi") == "không đọc được /etc/x: không có quyền truy cập"
    assert translated(error.hint, "vi").startswith("Xem `vonggac-agent settings`")


def test_an_error_within_an_error_is_translated_too() -> None:
    inner = SpoolFailing("cannot open {path}: {error}", path="/x", error=OSError("odd {braces}"))
    outer = SpoolFailing(
        "{error}; counting it as skipped: {reason}", error=inner, reason="Input/output error"
    )
    assert outer.said.spoken("vi") == (
        "không mở được /x: odd {braces}; khi ghi nhận lần kiểm tra bị bỏ qua: lỗi đọc ghi"
    )
    assert str(outer) == "cannot open /x: odd {braces}; counting it as skipped: Input/output error"


@pytest.mark.hostile
def test_braces_in_what_comes_from_outside_are_only_text() -> None:
    assert Said("no {such} value").spoken("vi") == "no {such} value"
    assert say("vi", "last receipt: {at}", at="{0.__class__}") == "biên nhận gần nhất: {0.__class__}"


def test_a_setting_that_does_not_fit_is_explained_in_vietnamese() -> None:
    with pytest.raises(WrongSetting, match="is not between 60 and 86400") as refused:
        load_settings(None, {"VONGGAC_INTERVAL_S": "5"})
    assert "'5' không nằm trong khoảng từ 60 đến 86400. Ví dụ: interval_s: 900" in refused.value.said.spoken(
        "vi"
    )


def test_status_speaks_vietnamese_and_its_json_stays_as_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    machine.report()
    assert main(["status", "--lang", "vi"]) == 0
    said = capsys.readouterr().out
    assert "tình trạng: xanh (tốt)" in said
    assert "hàng chờ: 1 chờ gửi, 0 bị từ chối" in said
    assert "báo cáo gần nhất: số 1, " in said
    link = machine.spool.unsent()[0]
    machine.spool.mark_refused(link, "422 malformed", datetime.now(UTC))
    main(["status", "--lang", "vi"])
    said = capsys.readouterr().out
    assert "tình trạng: vàng" in said
    assert "! 1 báo cáo bị từ chối và vẫn được giữ lại" in said
    main(["status", "--lang", "vi", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["problems"] == ["1 reports were refused and are kept"]


def test_errors_go_to_a_person_in_the_language_of_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert main(["run", "--once"]) == 78
    said = capsys.readouterr().err
    assert said == (
        f"vonggac-agent: không có thư mục trạng thái {tmp_path}/none\n"
        "  `vonggac-agent enrol` sẽ tạo thư mục này; VONGGAC_STATE_DIR chỉ ra nơi khác.\n"
    )
    main(["run", "--once", "--lang", "en"])
    assert "there is no state folder" in capsys.readouterr().err


def test_a_machine_that_is_not_enrolled_is_told_what_to_do_in_vietnamese(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    assert main(["status", "--lang", "vi"]) == 1
    said = capsys.readouterr().out
    assert "! máy chưa đăng ký: không có danh tính trong" in said
    assert "Hãy đăng ký trước" in said
