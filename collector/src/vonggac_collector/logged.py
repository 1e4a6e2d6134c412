"""Whether the order of reports is what its checkpoints signed, and each of its leaves has its report.

The signature over a root is what whoever edits the ledger cannot make: so the last reports of a chain that were cut
together with the agent's head are missed here. Whoever also deletes the checkpoints from then on is found out by who
keeps one (docs/proofs.md). A leaf without its report is explained by retention: a cut of its chain at it or after it;
in an epoch that has ended also that it was signed before the end of what retention dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from vonggac_contract.checkpoint import Checkpoint, leaf_of, open_checkpoint
from vonggac_contract.decode import decode_as
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.merkle import Frontier

from .ledger.interface import Ledger, Transaction
from .ledger.leaves import Leaf, Member, Signed
from .remaking import Place
from .tiles import WIDTH, Tile, grown
from .trail import Odd, Trail

_PAGE: Final = 20 * WIDTH
_AGENTS: Final = 50
_TOGETHER: Final = 500
_CLOCKS: Final = timedelta(hours=1)
"""By which the clocks of web processes and of the worker may differ, with the time that a commit takes."""
Cuts = Callable[[Transaction, str], Iterable[Place]]
"""Where retention cut an agent's chain."""


class Logged:
    """What was found. `checkpoints`: how many there are."""

    def __init__(self) -> None:
        self.checkpoints = 0
        self.odd: list[Odd] = []
        self._signed: list[Signed] = []
        self._sizes: list[int] = []
        self._agents: set[str] = set()

    def check(self, ledger: Ledger, trail: Trail, cuts: Cuts, collector_key: bytes | None) -> None:
        """All of it. `collector_key`: None leaves the signatures out."""
        with ledger.read() as tx:
            self._signed = list(_checkpoints(tx))
        self.checkpoints = len(self._signed)
        self._sizes = [c.tree_size for c in self._signed]
        odd = self._odd_checkpoints(collector_key)
        self.odd += [(f"checkpoint {number}", what) for number, what in sorted(odd.items())[:1]]
        self.odd += self._odd_tree(ledger)
        with ledger.read() as tx:
            agents = sorted(self._agents | {a.id for a in tx.agents.all()})
        for start in range(0, len(agents), _AGENTS):
            some = agents[start : start + _AGENTS]
            with ledger.read() as tx:
                trail.read_on(tx)
                self.odd += self._odd_agents(tx, some, trail, cuts)

    def _odd_checkpoints(self, key: bytes | None) -> dict[int, str]:
        """Each follows the one before, says what its row says, and is signed."""
        odd: dict[int, str] = {}
        previous, size = None, 0
        for number, row in enumerate(self._signed, 1):
            try:
                envelope = envelope_from_bytes(row.raw)
                said = (
                    decode_as(envelope.payload, Checkpoint) if key is None else open_checkpoint(envelope, key)
                )
            except ContractError as e:
                odd[row.number] = str(e)
                continue
            if (row.number, envelope.digest) != (number, row.digest):
                odd[row.number] = "is another than its row says, or one before it is missing"
            elif (said.tree_size, said.root, said.at) != (row.tree_size, row.root, row.at):
                odd[row.number] = "says something else than its row"
            elif said.previous != previous or said.tree_size < size:
                odd[row.number] = "does not follow the one before"
            previous, size = row.digest, said.tree_size
        return odd

    def _odd_tree(self, ledger: Ledger) -> Iterator[Odd]:
        """Leaves are numbered without a gap, tiles have their hashes, and each root is that of so many leaves."""
        tree = Frontier()
        left = iter(sorted(self._signed, key=lambda c: c.tree_size))
        due = next(left, None)
        for leaf in self._leaves(ledger):
            while due is not None and due.tree_size == tree.size:
                if tree.root().hex() != due.root:
                    yield f"checkpoint {due.number}", f"the {due.tree_size} leaves are not those it signed"
                    return
                due = next(left, None)
            if isinstance(leaf, tuple):
                yield leaf
                return
            if leaf is not None:
                self._agents.add(leaf.agent)
                tree.append(leaf_of(leaf.digest))
        if due is not None:
            yield (
                f"checkpoint {due.number}",
                f"it signed {due.tree_size} leaves, of which {tree.size} are here",
            )

    def _leaves(self, ledger: Ledger) -> Iterator[Leaf | Odd | None]:
        """Every leaf, as long as there is no gap and tiles have their hashes; None behind the last."""
        size = 0
        tails: dict[int, bytes] = {}
        while True:
            with ledger.read() as tx:
                page = tx.leaves.walk(size - 1, _PAGE)
                missing = next((n for n, leaf in enumerate(page, size) if leaf.number != n), None)
                if missing is not None:
                    yield f"leaf {missing}", "is missing"
                    return
                made = grown(size, [leaf_of(x.digest) for x in page], _tail_of(tails))
                wrong = next(
                    (k for k, hashes in made.items() if not tx.leaves.tile(*k).startswith(hashes)), None
                )
            if wrong is not None:
                yield f"tile {wrong[1]} of level {wrong[0]}", "has not the hashes of its leaves"
                return
            tails |= {level: made[level, number] for level, number in sorted(made)}
            yield from page
            size += len(page)
            if len(page) < _PAGE:
                yield None
                return

    def _odd_agents(self, tx: Transaction, agents: list[str], trail: Trail, cuts: Cuts) -> Iterator[Odd]:
        leaves: dict[str, dict[Place, Leaf]] = {a: {} for a in agents}
        reports: dict[str, dict[Place, Member]] = {a: {} for a in agents}
        for leaf in tx.leaves.of_agents(agents):
            leaves[leaf.agent][leaf.place] = leaf
        for member in tx.leaves.members(agents):
            reports[member.agent][member.place] = member
        for agent in agents:
            known = tx.agents.get(agent)
            epoch = 0 if known is None else known.epoch
            last = max(leaves[agent], default=(0, 0))
            for place, member in reports[agent].items():
                what = self._odd_report(member, leaves[agent].get(place), last)
                if what and member.shelf not in trail.dropping:
                    yield f"agent {agent} epoch {place[0]} report {place[1]}", what
                    break
            else:
                gone = [x for place, x in leaves[agent].items() if place not in reports[agent]]
                explained = [*cuts(tx, agent)] if gone else []
                for leaf in gone:
                    if not self._explained(leaf, explained, epoch, trail):
                        yield (
                            f"agent {agent} epoch {leaf.epoch} report {leaf.sequence}",
                            f"is missing: leaf {leaf.number} is its digest, {leaf.digest}",
                        )
                        break

    def _odd_report(self, member: Member, leaf: Leaf | None, last: Place) -> str:
        """What is wrong with a kept report's leaf; "" if nothing is. `last`: its agent's last place with a leaf."""
        if leaf is not None:
            return "" if leaf.digest == member.digest else f"is another than leaf {leaf.number} names"
        late = bool(self._signed) and member.committed_at < self._signed[-1].at - _CLOCKS
        return "has no leaf, though a checkpoint was signed after it" if late or member.place < last else ""

    def _explained(self, leaf: Leaf, cuts: Iterable[Place], epoch: int, trail: Trail) -> bool:
        """Whether retention dropped the report, or is at it."""
        if any(cut[0] == leaf.epoch and cut >= leaf.place for cut in cuts):
            return True
        if leaf.epoch >= epoch or trail.kept_since is None:
            # The head is always kept, so what was dropped in the present epoch left a cut.
            return False
        before = bisect_right(self._sizes, leaf.number)
        return not before or self._signed[before - 1].at - _CLOCKS < trail.kept_since


def _checkpoints(tx: Transaction) -> Iterator[Signed]:
    after = 0
    while page := tx.leaves.checkpoints(after, _TOGETHER):
        yield from page
        after = page[-1].number


def _tail_of(tails: Mapping[int, bytes]) -> Tile:
    return lambda level, _: tails.get(level, b"")
