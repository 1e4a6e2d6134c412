"""The collector's settings: environment `VONGGAC_…`, then a YAML file, then defaults; checked before anything is done.

Secrets are files in the state folder, not settings. What a setting does is said here once; docs/commands.md quotes it.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import SettingsError

PREFIX: Final = "VONGGAC_"
MAX_FILE_BYTES: Final = 64 * 1024
MAX_WORKERS: Final = 64
CREDENTIAL: Final = "database-password"
"""Of the ledger's login: LoadCredential= of the service (https://www.freedesktop.org/software/systemd/man/systemd.exec.html)."""


class Settings(BaseSettings):
    """Each field is one setting; its description is what `vonggac-collector settings` shows."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    state_dir: Path = Field(
        Path("/var/lib/vonggac"), description="folder of the ledger and the collector's key"
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL of the ledger; empty: SQLite in the state folder"
    )
    database_password_file: Path | None = Field(
        None,
        description="file with the password of database_url, its owner's alone; also found as the systemd credential "
        "database-password",
    )
    elasticsearch_url: str = Field(
        "",
        description="address of the cluster that search runs on; empty: a schema of its own in the ledger's "
        "PostgreSQL, or SQLite in the state folder",
    )
    elasticsearch_ca: Path | None = Field(
        None, description="PEM file with the authority of the cluster's certificate; empty: those known here"
    )
    elasticsearch_username: str = Field("", description="login at the cluster, with a password's file")
    elasticsearch_password_file: Path | None = Field(
        None, description="file with the password of that login, its owner's alone"
    )
    elasticsearch_api_key_file: Path | None = Field(
        None, description="file with an encoded API key, its owner's alone; instead of a login"
    )
    elasticsearch_prefix: str = Field(
        "vonggac", pattern="^[a-z][a-z0-9-]{0,60}$", description="what the names of indices begin with"
    )
    listen: str = Field("127.0.0.1:8440", description="address and port, such as 0.0.0.0:8440")
    public_url: str = Field("", description="address that agents and people use; empty: made from listen")
    tls_certificate: Path | None = Field(None, description="PEM file with the certificate chain")
    tls_key: Path | None = Field(None, description="PEM file with the certificate's key")
    behind_proxy: bool = Field(
        False,
        description="a proxy alone reaches it, speaks TLS, limits each source's connections and names the source in "
        "X-Forwarded-For, whose last address is believed",
    )
    insecure_cookies: bool = Field(
        False, description="sign in over plain http; only for a listen address on the loopback interface"
    )
    connections: int = Field(2_000, ge=1, le=100_000, description="connections at once, of each web process")
    connections_per_source: int = Field(20, ge=1, le=100_000, description="of these from one address")
    workers: int = Field(
        1,
        ge=1,
        le=MAX_WORKERS,
        description="web processes of `serve` on one address; more than one need PostgreSQL, and with the role all one "
        "more publishes scores",
    )
    keep_months: str = Field(
        "",
        pattern="^([1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){4})?$",
        description="whole months that reports are kept, for levels 1 to 5, such as 12,12,24,24,36; empty: as long as "
        "each level asks that logs are kept (1,1,3,6,12)",
    )
    role: Literal["all", "web", "work"] = Field(
        "all",
        description="of `serve`: all answers, publishes scores and tells search in one process; web only answers, with "
        "`vonggac-collector work` elsewhere",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before what was read from the file."""
        return env_settings, init_settings

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        split_listen(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        # Settings are shown, and an environment is inherited and logged: no place for a password.
        example = "(example: postgresql://vonggac@db.example/vonggac?sslmode=verify-full)"
        try:
            url = sa.make_url(value) if value else None
        except (sa.exc.ArgumentError, ValueError):
            raise ValueError(f"is no URL {example}") from None
        if url is not None and (url.password is not None or {"password", "sslpassword"} & set(url.query)):
            raise ValueError(f"must not hold a password; name its file by database_password_file {example}")
        return value

    @field_validator("elasticsearch_url")
    @classmethod
    def _elasticsearch_url(cls, value: str) -> str:
        example = "(example: https://search.example:9200)"
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment
        ):
            raise ValueError(f"must begin with https:// and hold nothing after the path {example}")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"must not hold a login; see elasticsearch_username {example}")
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            raise ValueError(f"another machine is only asked by https:// {example}")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// (example: https://vonggac.tinh.gov.vn)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate: and tls_key go together (example: /etc/vonggac/collector.pem)")
        if not self.on_loopback and self.tls_certificate is None and not self.behind_proxy:
            raise ValueError(
                "listen: other machines would reach it without TLS; set tls_certificate and tls_key, or behind_proxy "
                "(example: VONGGAC_TLS_CERTIFICATE=/etc/vonggac/collector.pem)"
            )
        if bool(self.elasticsearch_username) != (self.elasticsearch_password_file is not None):
            raise ValueError(
                "elasticsearch_username: and elasticsearch_password_file go together (example: vonggac)"
            )
        if self.insecure_cookies and not self.on_loopback:
            raise ValueError("insecure_cookies: only for a listen address such as 127.0.0.1:8440")
        return self

    @property
    def host(self) -> str:
        """The address to listen on."""
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0: any free one."""
        return split_listen(self.listen)[1]

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return _is_loopback(self.host)

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.database_url or f"sqlite:///{self.state_dir}/ledger.db"

    @property
    def ledger_password_file(self) -> Path | None:
        """The file with the password of the ledger's server: the setting's, or the service's credential."""
        credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
        given = Path(credentials, CREDENTIAL) if credentials else None
        return self.database_password_file or (given if given is not None and given.is_file() else None)

    @property
    def url(self) -> str:
        """The address that agents and people use."""
        scheme = "https" if self.tls_certificate is not None else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"{scheme}://{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_listen(value: str) -> tuple[str, int]:
    """`127.0.0.1:8440` or `[::1]:8440` as address and port. Raises ValueError."""
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    example = "(example: 127.0.0.1:8440)"
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"{value[:100]!r} is no address with a port {example}")
    if host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"{host[:100]!r} is no IP address {example}") from None
    return host, int(port)


def load_settings(config: Path | None = None) -> Settings:
    """Read the settings. Raises SettingsError naming the setting, what is wrong with it, and an example."""
    values = _file(config) if config is not None else {}
    unknown = set(values) - set(Settings.model_fields)
    if unknown:
        raise SettingsError(
            f"{config}: no setting is called {sorted(unknown)[0]!r}; see `vonggac-collector settings`"
        )
    try:
        return Settings(**values)
    except ValidationError as e:
        first = e.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        told = str(first["msg"]).removeprefix("Value error, ")
        name, told = (name, told) if name else tuple(told.split(": ", 1))
        where = f"{PREFIX}{name.upper()}" if PREFIX + name.upper() in os.environ else name
        example = "" if "example" in told else f" (default: {Settings.model_fields[name].default!s})"
        raise SettingsError(f"{where}: {told}{example}") from e


def sources(config: Path | None = None) -> dict[str, str]:
    """Where each setting's value comes from."""
    values = _file(config) if config is not None else {}
    return {
        name: "environment"
        if PREFIX + name.upper() in os.environ
        else str(config)
        if name in values
        else "default"
        for name in Settings.model_fields
    }


def _file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise SettingsError(f"{path}: cannot be read: {e.strerror}") from e
    if len(raw) > MAX_FILE_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        value = yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, RecursionError) as e:  # a day that no month has is a ValueError
        raise SettingsError(f"{path}: not YAML: {e}") from e
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise SettingsError(f"{path}: must hold settings by name (example: listen: 127.0.0.1:8440)")
    return value
