"""command.output: what one command of the owner's list says. The list and its programs are trusted by `owned`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.commands import CommandOutput, CommandValue
from vonggac_contract.report import CommandRun

from ... import owned
from ...errors import AgentError
from ...formats import assignments, documents
from ...host import Host
from ...log import log
from ...untrusted import as_text, bounded

MAX_VALUES: Final = 1_000
"""Names with values of one output; this project's own."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")


def read(status: int, printed: bytes, output: owned.Output) -> CommandOutput:
    """The fact from what a command ended with and printed. Raises ValueError for what is not of that form."""
    text = as_text(printed)
    if output == "none":
        return CommandOutput(status)
    if output in ("line", "text"):
        line = text.split("\n", 1)[0].removesuffix("\r")
        whole = bounded(text.removesuffix("\n")) if output == "text" else None
        return CommandOutput(status, bounded(line), _number(line), whole)
    pairs = _flat(documents.parse_json(text), "") if output == "json" else _pairs(text)
    values = [CommandValue(bounded(key), bounded(value), _number(value)) for key, value in pairs]
    return CommandOutput(status, values=values)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for count, entry in enumerate(assignments.parse(text, separators="=:")):
        if count == MAX_VALUES:
            raise ValueError(f"over {MAX_VALUES} values")
        yield entry.key, entry.value


def _flat(document: Any, at: str) -> Iterator[tuple[str, str]]:
    """Every value that is no list and no mapping, by its JSON pointer."""
    waiting, count = [(at, document)], 0
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, dict):
            names = [(str(k).replace("~", "~0").replace("/", "~1"), v) for k, v in value.items()]
        elif isinstance(value, list):
            names = [(str(k), v) for k, v in enumerate(value)]
        else:
            count += 1
            if count > MAX_VALUES:
                raise ValueError(f"over {MAX_VALUES} values")
            yield pointer, _shown(value)
            continue
        if len(waiting) + len(names) > limits.MAX_FACT_LIST or len(pointer) > limits.MAX_FACT_TEXT:
            raise ValueError("too large a document")
        waiting += [(f"{pointer}/{name}", inner) for name, inner in reversed(names)]


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else as_text(str(value))


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[CommandOutput, str]:
    """Topic command.output, selector: the entry's name.

    Raises CouldNotLook: disabled-by-owner (no list, no such entry), permission-denied (a list, a program or an account
    that cannot be trusted or used), and as `command.ended` does.
    """
    name = selector[0]
    entry = host.once("owner's list of commands", _entries).get(name)
    if entry is None:
        raise CouldNotLook(Reason.DISABLED_BY_OWNER, f"{owned.PATH} has no entry {as_text(name)}")
    try:
        account = owned.account_of(entry)
        program = owned.open_program(entry.argv[0])
    except FileNotFoundError:
        raise CouldNotLook(Reason.NOT_INSTALLED, f"{entry.argv[0]} is not installed") from None
    except AgentError as error:
        raise CouldNotLook(Reason.PERMISSION_DENIED, str(error)) from None
    try:
        status, printed = _run(host, name, entry, program, account)
    finally:
        os.close(program)
    return read(status, printed, entry.output), f"{owned.PATH} {name}"


def _entries() -> dict[str, owned.Entry]:
    try:
        entries = owned.read_list()
    except AgentError as error:
        raise CouldNotLook(Reason.PERMISSION_DENIED, str(error)) from None
    if entries is None:
        raise CouldNotLook(Reason.DISABLED_BY_OWNER, f"commands are off: there is no {owned.PATH}")
    return entries


def _run(
    host: Host, name: str, entry: owned.Entry, program: int, account: owned.Account | None
) -> tuple[int, bytes]:
    """Exit status and standard output. Each run is told to the journal and, by the host, to the report."""
    from ... import command  # 10 ms of imports that most looks never need

    started = time.monotonic()
    status, reason = None, ""
    try:
        ended = command.ended(
            tuple(entry.argv), timeout=entry.timeout_s, limit=entry.output_bytes, environment={},
            program=program, account=account,
        )  # fmt: skip
        status = ended.status if ended.status >= 0 else None
        if status is None:
            raise CouldNotLook(Reason.MALFORMED, f"{entry.argv[0]} was ended by signal {-ended.status}")
        return status, ended.output
    except CouldNotLook as error:
        reason = str(error.reason)
        raise
    finally:
        run = CommandRun(
            name,
            entry.digest,
            round(time.monotonic() - started, 3),
            status,
            reason == Reason.TOO_LARGE,
            reason,
        )
        host.commands.append(run)
        if host.notes is not None:  # a look of the service
            log("info", "command-ran", **msgspec.to_builtins(run))
