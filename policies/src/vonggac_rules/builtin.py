"""The rulebook that comes with this release, compiled when it was built."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vonggac_contract.errors import ContractError

FILE: Final = Path(__file__).parent / "data" / "rulebook.json"
"""Beside the code; importlib.resources takes 10 ms to import, for packages inside archives, which this never is."""


class NoRulebook(ContractError):
    """The compiled rulebook is missing from the installation."""

    code = "no-rulebook"
    hint = "In a clone run `make setup`; an installed package that lacks it is damaged: install it again."


def default_rulebook_bytes() -> bytes:
    """The compiled rulebook's bytes. Raises NoRulebook."""
    if not FILE.is_file():
        raise NoRulebook("no compiled rulebook in this installation")
    return FILE.read_bytes()
