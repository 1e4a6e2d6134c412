"""What counts of a look: by which rulebook and profile a host is judged at a moment, and which outcomes fit that.

A host is judged by the newest rulebook and by the profile of its system's level. A look that was decided by another
rulebook or profile counts rule by rule, where the rule and its parameters are the same; the rest is unknown, as if it
were not reported. For GRACE after a change the old ones count in full, so that no machine falls before it can look
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final

import msgspec

from vonggac_contract.finding import Outcome
from vonggac_rules.rulebook import Rulebook

from .errors import NotFound
from .ingest.vector import Vector
from .ledger.policy import Trial
from .ledger.rows import Host, LookHead
from .rulebooks import Shelf
from .score.host import complete, host_score
from .score.parameters import Parameters
from .score.values import Cap, HeldCap, HostInput, HostScore, RuleOutcome, RuleWeight

GRACE: Final = timedelta(hours=24)
"""As long as a look counts in full (docs/scoring.md, freshness)."""
CAP_RULES: Final[dict[str, Cap]] = {"linux.support.release": "end-of-life"}
"""Rules whose failing holds a cap. Unknown holds it too, or hiding would lift the score."""
_LIFTS: Final = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})
_OUTCOMES: Final = {o.value: o for o in Outcome}
_MAX_SCORES: Final = 2_000
"""Of some 60 kB each."""


class Judge(msgspec.Struct, frozen=True):
    """A rulebook by its digest and one of its profiles."""

    rulebook: str
    profile: str


class Judged(msgspec.Struct, frozen=True):
    """A host's outcomes under its judge, and its score before freshness."""

    judge: Judge
    input: HostInput
    score: HostScore


class Books:
    """The rulebooks published by a moment: which is in force, which may still be used, or is tried."""

    def __init__(
        self, published: Sequence[tuple[str, datetime]], as_of: datetime, trials: Sequence[Trial] = ()
    ) -> None:
        self.current = published[-1][0] if published else None
        ends = [at for _, at in published[1:]]
        self._usable = {self.current} | {
            digest for (digest, _), until in zip(published, ends, strict=False) if until > as_of - GRACE
        }
        for trial, after in zip_longest(trials, trials[1:]):
            if trial.on and (after is None or after.at > as_of - GRACE):
                self._usable |= {trial.rulebook} - {digest for digest, _ in published}

    def judge_for(self, look: LookHead, profiles: Mapping[str, Sequence[str]]) -> Judge | None:
        """`profiles`: rulebook digest -> profiles that may be used, the one in force first. None: no rulebook yet."""
        if self.current is None:
            return None
        rulebook = look.rulebook if look.rulebook in self._usable else self.current
        allowed = profiles[rulebook]
        return Judge(rulebook, look.profile if look.profile in allowed else allowed[0])

    @property
    def usable(self) -> list[str]:
        """Digests of the rulebooks that looks may be judged by."""
        return sorted(d for d in self._usable if d is not None)


class Bench:
    """Judges looks; remembers what it judged, as a look never changes."""

    def __init__(self, shelf: Shelf, parameters: Parameters) -> None:
        self._shelf = shelf
        self._parameters = parameters
        self._full: dict[tuple[Judge, str], tuple[RuleWeight, ...]] = {}
        self._alike: dict[tuple[Judge, Judge, str], frozenset[str]] = {}
        self._scores: dict[tuple[str, str, Judge, Judge], Judged] = {}

    def known(self, look: LookHead, judge: Judge) -> Judged | None:
        """What was judged before of a look with these outcomes."""
        return self._scores.get(self._key(look, judge))

    def judge(self, host: Host, look: LookHead, vector: Vector, judge: Judge) -> Judged:
        """Complete the look's answers to the judge's full list, and score them."""
        full = self.full_list(judge, host.platform)
        alike = self._alike_rules(judge, Judge(look.rulebook, look.profile), host.platform)
        weights = {w.rule: w for w in full}
        said = [
            RuleOutcome(
                a.rule,
                weights[a.rule].domain,
                weights[a.rule].severity,
                _OUTCOMES[s.outcome],
                s.passed,
                s.of,
                s.reason,
            )
            for a, s in zip(vector.asked, vector.said, strict=True)
            if a.rule in alike and a.rule in weights
        ]
        rules = complete(full, said)
        caps = tuple(
            HeldCap(CAP_RULES[r.rule], frozenset({r.rule}))
            for r in rules
            if r.rule in CAP_RULES and r.outcome not in _LIFTS
        )
        given = HostInput(host.id, rules, caps)
        judged = Judged(judge, given, host_score(given, self._parameters))
        if len(self._scores) >= _MAX_SCORES:
            self._scores.clear()
        self._scores[self._key(look, judge)] = judged
        return judged

    def full_list(self, judge: Judge, platform: str) -> tuple[RuleWeight, ...]:
        """Every rule that the judge asks of that platform."""
        key = (judge, platform)
        if key not in self._full:
            rules = self._shelf.get(judge.rulebook).profile_rules(judge.profile, platform)
            self._full[key] = tuple(RuleWeight(r.id, r.domain, r.severity) for r, _ in rules)
        return self._full[key]

    def _key(self, look: LookHead, judge: Judge) -> tuple[str, str, Judge, Judge]:
        return (look.agent, look.outcomes_digest, Judge(look.rulebook, look.profile), judge)

    def _alike_rules(self, judge: Judge, decided: Judge, platform: str) -> frozenset[str]:
        key = (judge, decided, platform)
        if key not in self._alike:
            self._alike[key] = self._compare(judge, decided, platform)
        return self._alike[key]

    def _compare(self, judge: Judge, decided: Judge, platform: str) -> frozenset[str]:
        ours = self._shelf.get(judge.rulebook)
        if judge == decided:
            return frozenset(r.id for r, _ in ours.profile_rules(judge.profile, platform))
        try:
            theirs = self._shelf.get(decided.rulebook)
        except NotFound:
            return frozenset()
        asked = _demands(ours, judge.profile, platform)
        answered = _demands(theirs, decided.profile, platform)
        return frozenset(rule for rule, demand in asked.items() if answered.get(rule) == demand)


def _demands(book: Rulebook, profile: str, platform: str) -> dict[str, bytes]:
    """What each rule of the profile really checks: its condition with its parameters, not its texts."""
    if profile not in book.profiles:
        return {}
    return {
        rule.id: msgspec.json.encode([rule.when, rule.check, values], order="sorted")
        for rule, values in book.profile_rules(profile, platform)
    }
