"""The rulebook that comes with this release, compiled when it was built."""

from __future__ import annotations

from importlib.resources import files

from vonggac_contract.errors import ContractError


class NoRulebook(ContractError):
    """The compiled rulebook is missing from the installation."""

    code = "no-rulebook"
    hint = "In a clone run `make setup`; an installed package that lacks it is damaged: install it again."


def default_rulebook_bytes() -> bytes:
    """The compiled rulebook's bytes. Raises NoRulebook."""
    resource = files("vonggac_rules") / "data" / "rulebook.json"
    if not resource.is_file():
        raise NoRulebook("no compiled rulebook in this installation")
    return resource.read_bytes()
