"""What two lookers say of the same thing, side by side. Pure: no root, no program.

`theirs` is what the counterpart says: one rule of OpenSCAP's content, or several joined by `all` or `any`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = "pass", "fail", "unknown", "not-applicable"
Right = Literal["ours", "theirs", "both"]
RUNNING = "not-supported"
"""Our reason for a fact that only the running system has: a root that does not run cannot be asked."""

_THEIRS = {
    "pass": PASS,
    "fixed": PASS,
    "fail": FAIL,
    "notapplicable": UNKNOWN,
    "notchecked": UNKNOWN,
    "unknown": UNKNOWN,
    "error": UNKNOWN,
    "informational": UNKNOWN,
}
"""XCCDF 1.2, 6.6.4.2. The copy has no conditions left, so that notapplicable is a probe that cannot look at a root."""


@dataclass(frozen=True)
class Counterpart:
    """One rule of ours and what asks the same in `content`. `join` is `all` or `any`."""

    rule: str
    content: str
    join: str
    theirs: tuple[str, ...]

    @property
    def name(self) -> str:
        """`sshd_disable_root_login`, `all(a, b)`."""
        return self.theirs[0] if len(self.theirs) == 1 else f"{self.join}({', '.join(self.theirs)})"


@dataclass(frozen=True)
class Comparison:
    """Two words about one thing in one tree.

    `broken`: the names of what was changed in that tree; `missing`: patterns of paths for which nothing is there.
    """

    tree: str
    broken: frozenset[str]
    counterpart: Counterpart
    ours: str
    theirs: str
    detail: str = ""
    missing: frozenset[str] = frozenset()

    @property
    def pair(self) -> str:
        """`fail/pass`: ours first."""
        return f"{self.ours}/{self.theirs}"

    @property
    def agrees(self) -> bool:
        """The same word."""
        return self.ours == self.theirs

    @property
    def looked(self) -> bool:
        """Both could look: nobody's word is that the root does not run."""
        return UNKNOWN not in (self.ours, self.theirs)


@dataclass
class Explanation:
    """Why words differ, and who is right: `ours`, `theirs` (then ours is to be mended), `both` (they ask differently).

    It holds for the rules, contents, pairs and trees it names (`*` stands for any text), and, where `broken` names
    changes, only in trees that have one of them. `absent`: patterns of paths for which the tree must have nothing.
    """

    rules: tuple[str, ...]
    contents: tuple[str, ...]
    pairs: tuple[str, ...]
    trees: tuple[str, ...]
    broken: frozenset[str]
    absent: frozenset[str]
    right: Right
    why: str
    used: int = field(default=0)

    def holds(self, comparison: Comparison) -> bool:
        """It speaks of this disagreement."""
        counterpart = comparison.counterpart
        return (
            comparison.pair in self.pairs
            and any(fnmatchcase(counterpart.content, content) for content in self.contents)
            and any(fnmatchcase(counterpart.rule, rule) for rule in self.rules)
            and any(fnmatchcase(comparison.tree, tree) for tree in self.trees)
            and (not self.broken or bool(self.broken & comparison.broken))
            and self.absent <= comparison.missing
        )


@dataclass
class Verdict:
    """All comparisons sorted: who agrees, who could not look, what is explained and by whom, what is not."""

    agreed: list[Comparison] = field(default_factory=list)
    not_looked: list[Comparison] = field(default_factory=list)
    explained: list[tuple[Comparison, Explanation]] = field(default_factory=list)
    unexplained: list[Comparison] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many were compared: both could look."""
        return len(self.agreed) + len(self.explained) + len(self.unexplained)

    def right(self, who: Right) -> int:
        """How many disagreements are explained by `who` being right."""
        return sum(explanation.right == who for _, explanation in self.explained)

    def figures(self) -> dict[str, float]:
        """Counts, and shares of what was compared in per cent."""
        compared = self.compared or 1
        disagreed = len(self.explained) + len(self.unexplained)
        return {
            "comparisons": self.compared,
            "agreed": len(self.agreed),
            "disagreed": disagreed,
            "explained": len(self.explained),
            "ours right": self.right("ours"),
            "both right": self.right("both"),
            "ours to fix": self.right("theirs"),
            "could not look": len(self.not_looked),
            "agreed %": round(100 * len(self.agreed) / compared, 2),
            "explained %": round(100 * len(self.explained) / disagreed, 2) if disagreed else 100.0,
            "ours to fix %": round(100 * self.right("theirs") / compared, 2),
        }


def joined(join: str, results: Iterable[str]) -> str:
    """One word for several results of XCCDF, joined as ours are (docs/rules.md)."""
    words = [_THEIRS[result] for result in results]
    decides, other = (FAIL, PASS) if join == "all" else (PASS, FAIL)
    if decides in words:
        return decides
    return UNKNOWN if UNKNOWN in words else other


def our_word(outcome: str, reason: str) -> str:
    """Our outcome as a word to compare: partial is a fail, for not everything holds."""
    if outcome == "partial":
        return FAIL
    if outcome == UNKNOWN and reason != RUNNING:
        return f"{UNKNOWN}({reason})"
    return outcome


def counterparts(described: Mapping[str, Mapping[str, Any]]) -> list[Counterpart]:
    """From `{rule: {content: name | {all: [...]} | {any: [...]}}}`. Raises ValueError for another shape."""
    found = []
    for rule, contents in described.items():
        for content, what in contents.items():
            if isinstance(what, str):
                found.append(Counterpart(rule, content, "all", (what,)))
                continue
            if not isinstance(what, Mapping) or len(what) != 1 or not {"all", "any"} & what.keys():
                raise ValueError(f"{rule}: {content} names a rule, or all or any of a list of rules")
            ((join, names),) = what.items()
            found.append(Counterpart(rule, content, join, tuple(names)))
    return found


def explanations(described: Iterable[Mapping[str, Any]]) -> list[Explanation]:
    """From the entries of `disagreements.yaml`. Raises ValueError for one without a reason or of another shape.

    What we call not applicable and others compliant could hide a condition of ours that leaves out too much, so that
    such an entry names what is absent, or the change that took it away.
    """
    found = []
    for entry in described:
        extra = entry.keys() - {"rules", "contents", "pairs", "trees", "broken", "absent", "right", "why"}
        hides = f"{NOT_APPLICABLE}/{PASS}" in entry["pairs"] and not entry.keys() & {"absent", "broken"}
        if (
            hides
            or extra
            or entry["right"] not in ("ours", "theirs", "both")
            or len(entry["why"].split()) < 5
        ):
            raise ValueError(f"not an explanation: {dict(entry)}")
        found.append(
            Explanation(
                tuple(entry["rules"]),
                tuple(entry.get("contents", ("*",))),
                tuple(entry["pairs"]),
                tuple(entry.get("trees", ("*",))),
                frozenset(entry.get("broken", ())),
                frozenset(entry.get("absent", ())),
                entry["right"],
                entry["why"],
            )
        )
    return found


def judge(comparisons: Iterable[Comparison], reasons: list[Explanation]) -> Verdict:
    """Sort them. The first explanation that holds is taken, and its `used` counts."""
    verdict = Verdict()
    for comparison in comparisons:
        if comparison.agrees and comparison.ours != UNKNOWN:
            verdict.agreed.append(comparison)
        elif not comparison.looked:
            verdict.not_looked.append(comparison)
        elif reason := next((r for r in reasons if r.holds(comparison)), None):
            reason.used += 1
            verdict.explained.append((comparison, reason))
        else:
            verdict.unexplained.append(comparison)
    return verdict


def table(comparisons: Iterable[Comparison]) -> str:
    """The confusion table: our words down, theirs across."""
    counts = Counter((c.ours, c.theirs) for c in comparisons)
    order = (PASS, FAIL, NOT_APPLICABLE, UNKNOWN)
    across = [word for word in order if any(theirs == word for _, theirs in counts)]
    down = [*order, *sorted({ours for ours, _ in counts} - set(order))]
    lines = [f"{'ours / theirs':<24}" + "".join(f"{word:>16}" for word in across)]
    lines += [
        f"{ours:<24}" + "".join(f"{counts[ours, theirs]:>16}" for theirs in across)
        for ours in down
        if any(counts[ours, theirs] for theirs in across)
    ]
    return "\n".join(lines)
