"""Settings: each from where it is said to come from, refused with its name, problem and an example."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_agent.errors import AgentError, WrongSetting
from vonggac_agent.settings import DECLARED, PREFIX, load_settings


def _load(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    config = tmp_path / "agent.yaml"
    config.write_text(text)
    _, shown = load_settings(config, environment or {})
    return {each.name: (each.value, each.source) for each in shown}


def test_every_default_and_every_example_fits() -> None:
    for declared in DECLARED:
        declared.read(declared.default)
        declared.read(declared.example)


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    shown = _load(tmp_path, "interval_s: 600\nnice: 15\n", {"VONGGAC_INTERVAL_S": "1200"})
    assert shown["interval_s"] == ("1200", "environment VONGGAC_INTERVAL_S")
    assert shown["nice"] == ("15", str(tmp_path / "agent.yaml"))
    assert shown["look_timeout_s"] == ("120", "default")


def test_a_list_in_the_file_is_the_same_as_words_with_commas_in_the_environment(tmp_path: Path) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text("withhold:\n- accounts.last_login\n- sockets.program\n")
    from_file, _ = load_settings(config, {})
    config.write_text("")
    from_words, _ = load_settings(config, {"VONGGAC_WITHHOLD": "accounts.last_login,sockets.program"})
    assert from_file.withhold == from_words.withhold == ("accounts.last_login", "sockets.program")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("interval: 600", "there is no setting 'interval'"),
        ("- a\n- b", "is a mapping"),
        ("text", "is a mapping"),
        ("{", "is not YAML"),
        ("a: &a [*a]", "is not YAML"),
        ("nice: {a: b}", "takes a value or a list"),
        ("state_dir: relative/path", "absolute"),
        ("state_dir: ''", "absolute"),
        ("io_class: fast", "none of idle"),
        ("withhold: accounts", "no field"),
        ("withhold: passwords.all", "no section"),
        ("withhold: packages.version", "can be withheld"),
        ("disabled_facts: account.users, file.nothing", "file.nothing"),
        ("nice: 010x", "whole number"),
        ("nice: ١٠", "whole number"),
        ("spool_bytes: 99999999999999999999", "whole number"),
        ("!!python/object/apply:os.system ['true']", "is a mapping"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(WrongSetting, match=said):
        _load(tmp_path, text)


def test_a_file_that_was_named_must_be_there_and_small(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="cannot read"):
        load_settings(tmp_path / "none.yaml", {})
    with pytest.raises(WrongSetting, match="at most"):
        _load(tmp_path, "#" * 70_000)


@given(st.sampled_from(DECLARED), st.text(max_size=60))
def test_any_text_is_a_value_or_refused_by_name(declared: object, text: str) -> None:
    name: str = declared.name  # type: ignore[attr-defined]
    try:
        load_settings(None, {PREFIX + name.upper(): text})
    except AgentError as refused:
        assert name in str(refused)  # noqa: PT017 - whether it is refused depends on the text


def test_the_file_that_is_shipped_holds_every_setting_at_its_default(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "packaging/systemd/agent.yaml"
    shown = _load(tmp_path, shipped.read_text(encoding="utf-8"))
    assert {source for _, source in shown.values()} == {str(tmp_path / "agent.yaml")}
    assert {name: value for name, (value, _) in shown.items()} == {d.name: d.default for d in DECLARED}
