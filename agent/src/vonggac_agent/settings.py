"""The agent's settings: from the environment, a YAML file or their defaults, each with its source, checked at once.

No setting is a secret: keys are made here and stay in the state folder, the enrolment token comes from a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from vonggac_contract.limits import KIB, MIB

from .errors import WrongSetting
from .messages import Said
from .safety import check_path

DEFAULT_CONFIG: Final = Path("/etc/vonggac/agent.yaml")
DEFAULT_STATE_DIR: Final = "/var/lib/vonggac-agent"
MAX_CONFIG_BYTES: Final = 64 * KIB
PREFIX: Final = "VONGGAC_"


class Settings(msgspec.Struct, frozen=True):
    """What the agent was told; each field is described in `DECLARED`. Times are seconds, sizes bytes."""

    state_dir: Path
    interval_s: int
    heartbeat_s: int
    start_spread_s: int
    look_timeout_s: int
    ship_timeout_s: int
    nice: int
    io_class: str
    memory_bytes: int
    cpu_s: int
    spool_bytes: int
    spool_days: int
    key_days: int
    withhold: tuple[str, ...]
    disabled_facts: tuple[str, ...]


class Declared(NamedTuple):
    """One setting: how its text is read, what it is without one, and an example for whoever got it wrong."""

    name: str
    read: Callable[[str], Any]
    default: str
    example: str
    about: str


class Shown(NamedTuple):
    """One setting as `vonggac-agent settings` prints it."""

    name: str
    value: str
    source: str
    about: str


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 15:
            raise ValueError(Said("is not a whole number"))
        if not low <= int(text) <= high:
            raise ValueError(Said("is not between {low} and {high}", low=low, high=high))
        return int(text)

    return read


def _folder(text: str) -> Path:
    if not text.startswith("/") or "\0" in text:
        raise ValueError(Said("is not an absolute path"))
    return Path(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(Said("is none of {words}", words=", ".join(words)))
        return text

    return read


def _fields(text: str) -> tuple[str, ...]:
    from .withhold import check_field

    return tuple(check_field(word) for word in _words(text))


def _topics(text: str) -> tuple[str, ...]:
    from vonggac_contract.facts import TOPICS

    words = _words(text)
    unknown = [word for word in words if word not in TOPICS]
    if unknown:
        raise ValueError(Said("names {name!r}, which is no declared fact", name=unknown[0]))
    return words


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


DECLARED: Final = (
    Declared(
        "state_dir", _folder, DEFAULT_STATE_DIR, "/srv/vonggac-agent", "key, identity, spool, rules"
    ),
    Declared("interval_s", _number(60, 86_400), "900", "900", "seconds between two looks, give or take a tenth"),
    Declared("heartbeat_s", _number(60, 21_600), "3600", "3600",
             "what is new is sent at once; that there is nothing new, after so many seconds of looks"),
    Declared("start_spread_s", _number(0, 3600), "30", "30", "the first look waits a random time up to this"),
    Declared("look_timeout_s", _number(10, 3600), "120", "120", "a look that takes longer is ended"),
    Declared("ship_timeout_s", _number(10, 3600), "300", "300", "sending that takes longer is ended"),
    Declared("nice", _number(0, 19), "10", "10", "scheduling priority of a look, 19 the most modest"),
    Declared("io_class", _one_of("idle", "best-effort", "none"), "idle", "idle", "disk priority of a look"),
    Declared("memory_bytes", _number(128 * MIB, 64 * 1024 * MIB), str(1024 * MIB), "1073741824",
             "address space of a look or of sending"),
    Declared("cpu_s", _number(5, 3600), "60", "60", "processor seconds of a look or of sending"),
    Declared("spool_bytes", _number(1 * MIB, 64 * 1024 * MIB), str(64 * MIB), "67108864",
             "size of the spool; at the limit the newest report takes the place of those before it, and says so"),
    Declared("spool_days", _number(1, 3650), "90", "90",
             "after so long without a receipt likewise"),
    Declared("key_days", _number(0, 3650), "365", "365", "days until a key is changed; 0: never by time"),
    Declared("withhold", _fields, "", "accounts.last_login, sockets.program",
             "fields of report sections that stay on this machine"),
    Declared("disabled_facts", _topics, "", "account.users", "facts that are not looked for; their rules are unknown"),
)  # fmt: skip


def load_settings(
    config: Path | None = None, environment: Mapping[str, str] = os.environ
) -> tuple[Settings, list[Shown]]:
    """Read every setting: environment before file before default. Nothing is touched before all of them fit.

    `config`: the file that must be there; None: DEFAULT_CONFIG if there is one. Raises WrongSetting, UnsafePath.
    """
    path = config or DEFAULT_CONFIG
    written = _read_config(path, required=config is not None)
    unknown = sorted(written.keys() - {d.name for d in DECLARED})
    if unknown:
        raise WrongSetting(
            "{path}: there is no setting {name!r}; there is: {settings}",
            path=path,
            name=unknown[0],
            settings=", ".join(d.name for d in DECLARED),
        )
    values: dict[str, Any] = {}
    shown: list[Shown] = []
    for declared in DECLARED:
        variable = PREFIX + declared.name.upper()
        if variable in environment:
            text, source = environment[variable], f"environment {variable}"
        elif declared.name in written:
            text, source = written[declared.name], str(path)
        else:
            text, source = declared.default, "default"
        try:
            values[declared.name] = declared.read(text)
        except ValueError as error:
            raise WrongSetting(
                "{name} ({source}): {value!r} {error}. Example: {name}: {example}",
                name=declared.name,
                source=source,
                value=text[:100],
                error=error,
                example=declared.example,
            ) from error
        shown.append(Shown(declared.name, text, source, declared.about))
    return Settings(**values), shown


def _read_config(path: Path, *, required: bool) -> dict[str, str]:
    """The file's settings as texts; a list counts as its items with commas between."""
    if not required and not path.exists():
        return {}
    try:
        check_path(path)
        raw = path.read_bytes()
    except OSError as error:
        raise WrongSetting("cannot read {path}: {reason}", path=path, reason=error.strerror) from error
    if len(raw) > MAX_CONFIG_BYTES:
        raise WrongSetting(
            "{path} has {size} bytes; at most {limit} are read",
            path=path,
            size=len(raw),
            limit=MAX_CONFIG_BYTES,
        )
    import yaml

    try:
        # Scalars stay texts: each setting reads its own, so `010` or `no` mean what they look like.
        value = yaml.BaseLoader(raw).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise WrongSetting("{path} is not YAML: {error}", path=path, error=error) from error
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise WrongSetting("{path} is a mapping of settings. Example: interval_s: 900", path=path)
    texts: dict[str, str] = {}
    for name, content in value.items():
        items = content if isinstance(content, list) else [content]
        if not isinstance(name, str) or not all(isinstance(item, str) for item in items):
            raise WrongSetting("{path}: {name!r} takes a value or a list of values", path=path, name=name)
        texts[name] = ", ".join(items)
    return texts
