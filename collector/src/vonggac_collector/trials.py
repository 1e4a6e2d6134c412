"""What the audit log says of trials of a rulebook, and whether the ledger's are those (`rulebooks`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from .instants import FAR
from .ledger.interface import Transaction
from .ledger.policy import Trial
from .ledger.rows import AuditRow


def said_of(trial: Trial) -> str:
    """The detail of a trial's audit row; the units as the SHA-256 of their JSON."""
    return f"trial {trial.number}: {_briefly(trial)} {hashlib.sha256(trial.units).hexdigest()}"


def _briefly(trial: Trial) -> str:
    """As releases said it that named neither number nor units."""
    units: list[str] = msgspec.json.decode(trial.units, type=list[str])
    return f"{trial.share} of a hundred, {len(units)} units"


def odd_trials(tx: Transaction, said: Sequence[AuditRow]) -> dict[str, str]:
    """What is wrong with trials, by number. `said`: their audit rows, in their order."""
    odd: dict[str, str] = {}
    for number, (trial, row) in enumerate(zip_longest(tx.rulebooks.trials(FAR), said), 1):
        if trial is None:
            odd[f"{number}"] = "is in the audit log, and is not there"
        elif row is None:
            odd[f"{trial.number}"] = "is by no row of the audit log"
        elif (trial.number, trial.at, trial.rulebook) != (number, row.at, row.subject) or not _says(
            row, trial
        ):
            odd[f"{trial.number}"] = "is not what the audit log says of it"
    return odd


def _says(row: AuditRow, trial: Trial) -> bool:
    try:
        return row.detail in (said_of(trial), _briefly(trial))
    except msgspec.MsgspecError:
        return False
