"""Opens the aliases of sudoers, and the groups that it names, each list once and with a bound on the work. Pure.

Source: sudoers(5) "Aliases", "EXAMPLES" (a negated item forbids nothing).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from .sudo_commands import DIGEST
from .sudoers import Alias

MAX_STEPS: Final = 500_000
"""Items looked at for one fact. A chain of aliases with a rule for each link asks for the square of its length."""
_STEP: Final = 64
"""Characters of an item that count as a step."""


class Aliases:
    """The aliases of all files. Every method raises CouldNotLook(too-large) once over `MAX_STEPS` were taken.

    `members` gives the accounts of each group and number, as sudoers writes them (`%sudo`, `%#27`, `#1000`).
    """

    def __init__(
        self,
        aliases: Mapping[tuple[str, str], Alias],
        members: Callable[[], Mapping[str, Set[str]]],
    ) -> None:
        self._aliases = aliases
        self._members = members
        self._people: dict[frozenset[str], frozenset[str] | None] = {}
        self._opened: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count work that was done or is about to be."""
        self._left -= steps
        if self._left < 0:
            raise CouldNotLook(
                Reason.TOO_LARGE, f"aliases and settings of sudoers take over {MAX_STEPS} steps to open"
            )

    def names(self, kind: str, items: tuple[str, ...]) -> frozenset[str]:
        """What the items name. Negated items are left out: sudoers(5) warns that they forbid nothing."""
        self.spend(1 + len(items))
        known = self._opened.get((kind, items))
        if known is None:
            known = self._opened[kind, items] = frozenset(self._names(kind, items))
        return known

    def _names(self, kind: str, items: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        waiting, opened = list(items), set[str]()
        while waiting:
            item = waiting.pop()
            self.spend(1 + len(item) // _STEP)
            if kind == "command":
                item = DIGEST.sub("", item)
            item = item.replace("!!", "").strip()
            if item.startswith("!"):
                continue
            alias = self._aliases.get((kind, item))
            if alias is None:
                found.add(item)
            elif item not in opened:
                opened.add(item)
                waiting.extend(alias.items)
        return found

    def commands(self, items: tuple[str, ...]) -> list[str]:
        """The commands in order, without digests, negated ones kept with their sign."""
        found: list[str] = []
        waiting, opened = list(reversed(items)), set[str]()
        while waiting and len(found) < limits.MAX_FACT_LIST:
            item = waiting.pop()
            self.spend(1 + len(item) // _STEP)
            item = DIGEST.sub("", item).replace("!!", "").strip()
            sign = "!" if item.startswith("!") else ""
            alias = self._aliases.get(("command", item.removeprefix("!").strip()))
            if alias is None:
                found.append(item)
            elif (sign + alias.name) not in opened:
                opened.add(sign + alias.name)
                waiting.extend(sign + one for one in reversed(alias.items))
        return found

    def share(self, one: frozenset[str], other: frozenset[str]) -> bool:
        """They have a name in common."""
        self.spend(1 + min(len(one), len(other)))
        return not one.isdisjoint(other)

    def share_people(self, one: frozenset[str], other: frozenset[str]) -> bool:
        """They have a name in common, or an account that a group of theirs holds, or may hold."""
        if self.share(one, other):
            return True
        mine, theirs = self._accounts(one), self._accounts(other)
        return mine is None or theirs is None or self.share(mine, theirs)

    def _accounts(self, names: frozenset[str]) -> frozenset[str] | None:
        """The accounts that a list of users names; None if it names a group that this machine does not know."""
        if names not in self._people:
            members = self._members()
            self.spend(len(names) + sum(len(members.get(name, ())) for name in names))
            unknown = any(name.startswith(("%", "+")) and name not in members for name in names)
            self._people[names] = (
                None if unknown else frozenset().union(*(members.get(name, (name,)) for name in names))
            )
        return self._people[names]

    def programs(self, commands: frozenset[str]) -> frozenset[str]:
        """The commands without their arguments."""
        self.spend(len(commands))
        return frozenset(command.split(" ")[0] for command in commands)
