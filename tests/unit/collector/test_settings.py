"""Settings: refused by name, with what is wrong and an example, before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from vonggac_collector.errors import SettingsError
from vonggac_collector.settings import Settings, load_settings, sources


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VONGGAC_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "nonsense"),
        ("LISTEN", "127.0.0.1:99999"),
        ("LISTEN", "0.0.0.0:8440"),
        ("CONNECTIONS", "many"),
        ("CONNECTIONS_PER_SOURCE", "0"),
        ("PUBLIC_URL", "ftp://x"),
        ("ROLE", "king"),
        ("TLS_KEY", "/only/the/key"),
        ("DATABASE_URL", "not a url"),
        ("DATABASE_URL", "postgresql://u:bi-mat@db/x"),
        ("DATABASE_URL", "postgresql://u@db/x?password=bi-mat"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"VONGGAC_{name}", value)
    with pytest.raises(
        SettingsError, match=r"(?i)(listen|connections|public_url|role|tls|database_url).*(example|default)"
    ) as told:
        load_settings()
    assert "bi-mat" not in str(told.value)


def test_signing_in_without_tls_is_only_for_this_machine_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VONGGAC_INSECURE_COOKIES", "1")
    assert load_settings().insecure_cookies
    monkeypatch.setenv("VONGGAC_LISTEN", "10.0.0.1:8440")
    monkeypatch.setenv("VONGGAC_BEHIND_PROXY", "1")
    with pytest.raises(SettingsError, match="INSECURE_COOKIES"):
        load_settings()


def test_the_ledgers_password_is_found_in_a_file_or_as_a_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert load_settings().ledger_password_file is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_settings().ledger_password_file is None
    (tmp_path / "database-password").touch()
    assert load_settings().ledger_password_file == tmp_path / "database-password"
    monkeypatch.setenv("VONGGAC_DATABASE_PASSWORD_FILE", "/run/secret")
    assert load_settings().ledger_password_file == Path("/run/secret")


def test_the_environment_comes_before_the_file_and_the_file_before_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "collector.yaml"
    file.write_text("listen: 127.0.0.1:1\nstate_dir: /srv/vonggac\n")
    monkeypatch.setenv("VONGGAC_LISTEN", "127.0.0.1:2")
    found = load_settings(file)
    assert (found.listen, str(found.state_dir), found.role) == ("127.0.0.1:2", "/srv/vonggac", "all")
    origins = sources(file)
    assert [origins[n] for n in ("listen", "state_dir", "role")] == ["environment", str(file), "default"]


@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "lisen: x",
        "- a",
        "listen: [",
        "!!python/object/apply:os.system [id]",
        "\x00",
        "a" * 70_000,
        "[" * 60_000,
        "listen: 2026-99-99",
        "? [a]: b",
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_settings_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "collector.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"collector\.yaml"):
        load_settings(file)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "value",
    [
        "search.example:9200",
        "ftp://search.example",
        "https://",
        "https://elastic:secret@search.example:9200",
        "https://elastic@search.example:9200",
        "http://search.example:9200",
        "http://10.0.0.5:9200",
        "https://search.example/?a=b",
    ],
)
def test_a_cluster_is_reached_by_tls_and_its_login_is_no_part_of_its_address(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("VONGGAC_ELASTICSEARCH_URL", value)
    with pytest.raises(SettingsError, match=r"VONGGAC_ELASTICSEARCH_URL.*example") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


def test_a_cluster_may_be_on_this_machine_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("http://127.0.0.1:9200", "http://localhost:9200/", "http://[::1]:9200", "https://x.vn/es"):
        monkeypatch.setenv("VONGGAC_ELASTICSEARCH_URL", value)
        assert load_settings().elasticsearch_url == value.rstrip("/")
    monkeypatch.setenv("VONGGAC_ELASTICSEARCH_USERNAME", "vonggac")
    with pytest.raises(SettingsError, match="ELASTICSEARCH_USERNAME"):
        load_settings()
    monkeypatch.setenv("VONGGAC_ELASTICSEARCH_PASSWORD_FILE", "/run/credentials/password")
    assert load_settings().elasticsearch_username == "vonggac"
