"""A scan as text for people, in Vietnamese or English: worst first, with what to do; machine text shown inert.

The values come from `scan` and the rulebook; this module only words them, in Vietnamese
by the table of `messages`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from vonggac_contract.facts import Known, Reason, Unavailable
from vonggac_contract.finding import SEVERITIES, Evidence, Finding, Outcome
from vonggac_contract.rule import Rule, Text
from vonggac_contract.terminal import acts
from vonggac_rules.explain import Language, asked

from .messages import translated
from .scan import Scan, host_of

ORDER: Final = (Outcome.FAIL, Outcome.PARTIAL, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
SHOWN_TEXT: Final = 200
SHOWN_ITEMS: Final = 5
SHOWN_EVIDENCE: Final = 3
NAMED_FIRST: Final = 3

WORDS: Final = {
    "fail": "FAIL",
    "partial": "PARTIAL",
    "unknown": "UNKNOWN",
    "pass": "PASS",
    "not-applicable": "NOT APPLICABLE",
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "expected": "expected",
    "actual": "actual",
    "fix": "fix",
    "because": "because",
    "and": "and {n} more",
    "none": "none",
    "true": "true",
    "false": "false",
    "empty": "empty",
    "hidden": "these facts could not be looked at ({n})",
    "root": "As root there is more to see.",
    "summary": "{host}: {pass} pass, {fail} fail, {partial} partial, {unknown} unknown, {na} not applicable, "
    "by profile {profile} (rulebook {rulebook})",
    "first": "do first: {rules}",
    "next": "next: vonggac-rules show {rule} --lang en",
    "spent": "{wall:.2f} s, {cpu:.2f} s of processor, {rss:.0f} MiB at most",
}
"""In English, by what they are for."""
COLOURS: Final = {Outcome.FAIL: "31", Outcome.PARTIAL: "33", Outcome.UNKNOWN: "35", Outcome.PASS: "32"}


def inert(text: str) -> str:
    r"""Text that a terminal only shows: what `terminal.acts` says acts on it becomes `\u{…}`, line ends as well."""
    return "".join(f"\\u{{{ord(c):x}}}" if acts(c) else c for c in text)


def scan_to_text(
    scan: Scan, timing: dict[str, float], language: Language, *, width: int = 100, colour: bool = False
) -> Iterator[str]:
    """The lines to print."""
    words = {name: translated(text, language) for name, text in WORDS.items()}
    rank = {outcome: place for place, outcome in enumerate(ORDER)}
    for finding in sorted(
        scan.findings, key=lambda f: (rank[f.outcome], SEVERITIES.index(f.severity), f.rule)
    ):
        yield from _finding(finding, scan, words, language, width, colour)
    unseen = [
        (str(k), f.reason) for k, f in sorted(scan.snapshot.facts.items()) if isinstance(f, Unavailable)
    ]
    if unseen:
        yield ""
        named = ", ".join(f"{key} ({reason})" for key, reason in unseen)
        yield from _wrapped(f"{words['hidden'].format(n=len(unseen))}: {inert(named)}", width, "")
        if any(reason is Reason.PERMISSION_DENIED for _, reason in unseen):
            yield words["root"]
    yield ""
    yield from _wrapped(_summary(scan, words), width, "")
    yield words["spent"].format(
        wall=timing["wall_s"], cpu=timing["cpu_s"], rss=timing["peak_rss_bytes"] / 2**20
    )
    first = [inert(rule) for rule in worst(scan.findings)[:NAMED_FIRST]]
    if first:
        yield from _wrapped(words["first"].format(rules=", ".join(first)), width, "")
        yield words["next"].format(rule=first[0])


def worst(findings: list[Finding]) -> list[str]:
    """The rules that failed, the most severe first; of equal severity, whole failures before partial ones."""
    failed = [f for f in findings if f.outcome in (Outcome.FAIL, Outcome.PARTIAL)]
    failed.sort(key=lambda f: (SEVERITIES.index(f.severity), ORDER.index(f.outcome), f.rule))
    return [f.rule for f in failed]


def _finding(
    finding: Finding, scan: Scan, words: dict[str, str], language: Language, width: int, colour: bool
) -> Iterator[str]:
    rule = scan.rulebook.rules[finding.rule]
    label = words[finding.outcome]
    if finding.outcome is Outcome.PARTIAL:
        label += f" {finding.passed}/{finding.of}"
    if colour and finding.outcome in COLOURS:
        label = f"\x1b[{COLOURS[finding.outcome]}m{label}\x1b[0m"
    yield f"{label}  [{words[finding.severity]}] {inert(_said(rule.title, language))}  ({inert(finding.rule)})"
    if finding.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
        return
    if finding.reason:
        yield from _wrapped(
            f"{words['because']}: {inert(finding.reason)} {inert(finding.detail)}", width, "    "
        )
    for evidence in _telling(finding.evidence)[:SHOWN_EVIDENCE]:
        yield from _evidence(evidence, words, language, width)
    if finding.outcome is not Outcome.UNKNOWN:
        yield from _steps(f"{words['fix']}: {_said(_fix(rule, scan), language)}", width)


def _telling(evidence: list[Evidence]) -> list[Evidence]:
    """What is to be mended: that a thing is there is no fault where more is asked of it (`exists: false, or …`)."""

    def asked_more(one: Evidence) -> bool:
        thing, _, field = one.fact.rpartition(" ")
        return (
            field == "exists"
            and one.expected is False
            and any(e.fact.startswith(thing) and e is not one for e in evidence)
        )

    return [one for one in evidence if not asked_more(one)]


def _evidence(evidence: Evidence, words: dict[str, str], language: Language, width: int) -> Iterator[str]:
    # `asked` has words of its own for an empty text
    wanted = "" if evidence.expected == "" else _shown(evidence.expected, words)
    expected = asked(evidence.operator, wanted, language)
    actual = _shown(evidence.actual, words)
    yield from _wrapped(
        f"{inert(evidence.fact)}: {words['expected']} {expected}; {words['actual']} {actual}", width, "    "
    )
    for offender in evidence.offenders[:SHOWN_ITEMS]:
        yield from _wrapped(f"- {_shown(offender, words)}", width, "      ")
    if evidence.total > SHOWN_ITEMS:
        yield f"      {words['and'].format(n=evidence.total - SHOWN_ITEMS)}"


def _shown(value: Any, words: dict[str, str]) -> str:
    if value is None or value == []:
        return words["none"]
    if isinstance(value, bool):
        return words["true" if value else "false"]
    if value == "":
        return f"({words['empty']})"
    if isinstance(value, dict):
        text = ", ".join(f"{k} {_shown(v, words)}" for k, v in value.items() if v not in (None, "", []))
    elif isinstance(value, list):
        text = ", ".join(_shown(v, words) for v in value)
    else:
        text = str(value)
    return inert(text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1] + "…")


def _summary(scan: Scan, words: dict[str, str]) -> str:
    counts = {outcome: sum(f.outcome is outcome for f in scan.findings) for outcome in Outcome}
    return words["summary"].format(
        **{str(o): n for o, n in counts.items() if o is not Outcome.NOT_APPLICABLE},
        na=counts[Outcome.NOT_APPLICABLE],
        host=inert(str(host_of(scan.snapshot).get("hostname", "?"))),
        profile=inert(scan.profile),
        rulebook=scan.rulebook.digest[:12],
    )


def _fix(rule: Rule, scan: Scan) -> Text:
    """The steps for this distribution's family, else those for any."""
    for key, fact in scan.snapshot.facts.items():
        if key.topic == "os.release" and isinstance(fact, Known) and fact.value.family in rule.fix:
            return rule.fix[fact.value.family]
    return rule.fix.get("any") or next(iter(rule.fix.values()))


def _steps(text: str, width: int) -> Iterator[str]:
    """A fix. Its prose is wrapped anew; an indented line is a command or a line of a file, to be copied whole."""
    indent, deeper = "    ", "      "
    for copied, lines in groupby(text.rstrip().split("\n"), lambda line: not line or line[0].isspace()):
        if copied:
            yield from (f"{deeper}{_inert_but_tabs(line)}".rstrip() for line in lines)
        else:
            yield from _wrapped(" ".join(map(inert, lines)), width, indent, deeper)
        indent = deeper


def _inert_but_tabs(line: str) -> str:
    return "\t".join(map(inert, line.split("\t")))


def _said(text: Text, language: Language) -> str:
    return text.vi if language == "vi" else text.en


def _wrapped(text: str, width: int, indent: str, then: str | None = None) -> list[str]:
    """One paragraph; its lines after the first go in by `then`, usually two more."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if then is None else then,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]
