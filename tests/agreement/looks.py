"""Both look at every tree: openscap and our agent, side by side in one run."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from tests.agreement import content, openscap, ours
from tests.agreement.compare import Comparison, Counterpart, counterparts, joined, our_word
from tests.agreement.trees import HERE, Base, Tree, fell, grow
from tests.roots import debian, redhat

SEED = 14423
BROKEN = 4
"""Trees of each base among which the changes are dealt."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES = {"debian11": "debian11", "rhel9": "rhel9", "foreign": "rhel9", "walk": "rhel9"}
"""Content as `counterparts.yaml` names it -> the content that it is taken from."""
PROFILE = "agreement"
SUITES = ("bullseye", "bookworm", "trixie")
MAY_BE_GONE = ("bullseye",)
"""Releases without support, which leave Debian's mirrors for archive.debian.org sooner or later."""
WALKED = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus", "procps", "kmod"),
    *("openssh-server", "sudo", "rsyslog", "logrotate", "cron", "chrony", "auditd"),
    *("nftables", "iptables", "apparmor", "libpam-pwquality", "unattended-upgrades"),
)
LOOKERS = 2
"""Trees looked at at the same time."""


@dataclass(frozen=True)
class Described:
    """`counterparts.yaml`: what asks the same, and with which values."""

    counterparts: list[Counterpart]
    values: dict[str, dict[str, str]]
    parameters: dict[str, dict[str, Any]]

    def rules(self, name: str) -> set[str]:
        """The rules of content `name` that are wanted."""
        return {rule for c in self.counterparts if c.content == name for rule in c.theirs}


def described() -> Described:
    """Read it. Raises ValueError or KeyError for another shape."""
    read = yaml.safe_load((HERE / "counterparts.yaml").read_text(encoding="utf-8"))
    return Described(counterparts(read["rules"]), read["values"], read["parameters"])


def bases() -> list[Base]:
    """The roots, made now if the cache lacks them. Raises RuntimeError if one cannot be made that should be had."""
    found = []
    for suite in SUITES:
        contents = ("debian11", "foreign", "walk") if suite == WALKED else ("debian11", "foreign")
        try:
            found.append(Base(suite, "debian", contents, debian.root(suite, PACKAGES)))
        except RuntimeError:
            if suite not in MAY_BE_GONE:
                raise
    return [*found, Base("rhel9", "redhat", ("rhel9",), redhat.root())]


def look_at_all(what: Described, forest: Path, work: Path, watched: Iterable[str]) -> list[Comparison]:
    """Grow the trees in `forest`, look at each from both sides, compare. `work` takes what else has to be written.

    `watched`: patterns of paths for each of which a comparison says whether its tree has nothing there.
    """
    copies = {}
    for name, source in SOURCES.items():
        (work / name).mkdir()
        copies[name] = content.write_copy(source, what.rules(name), what.values[source], work / name)
    book = ours.rulebook({PROFILE: what.parameters}, work)
    environment = openscap.settings(work / "home")
    found: list[Comparison] = []
    for base in bases():
        grown = grow(base, forest, seed=SEED, broken=BROKEN)
        jobs = [(tree, name) for tree in grown for name in base.contents]
        with ThreadPoolExecutor(LOOKERS) as pool:
            theirs = pool.map(
                lambda job: openscap.look(
                    job[0].root, copies[job[1]], work / f"{job[0].name}-{job[1]}.xml", environment
                ),
                jobs,
            )
            missing = {tree.name: nothing_at(tree.root, watched) for tree in grown}
            mine = {tree.name: ours.look(tree.root, book, PROFILE, NOW) for tree in grown}
            for (tree, name), results in zip(jobs, theirs, strict=True):
                found += compared(what, tree, missing[tree.name], name, mine[tree.name], results)
        for tree in grown:
            fell(tree.root)
    return found


def nothing_at(root: Path, patterns: Iterable[str]) -> frozenset[str]:
    """Those of `patterns` that match no path below `root`."""
    return frozenset(pattern for pattern in patterns if not any(root.glob(pattern.lstrip("/"))))


def compared(
    what: Described,
    tree: Tree,
    missing: frozenset[str],
    name: str,
    mine: dict[str, Any],
    results: dict[str, str],
) -> Iterable[Comparison]:
    """One comparison for each counterpart in content `name`."""
    for counterpart in what.counterparts:
        if counterpart.content == name:
            finding = mine[counterpart.rule]
            said = {rule: results[rule] for rule in counterpart.theirs}
            yield Comparison(
                tree.name,
                frozenset(tree.broken),
                counterpart,
                our_word(finding.outcome, finding.reason),
                joined(counterpart.join, said.values()),
                f"{evidence(finding)} | {said}",
                missing,
            )


def evidence(finding: Any) -> str:
    """What decided our finding, in a line."""
    parts = [f"{e.fact} {e.operator} {e.expected}: {e.actual}" for e in finding.evidence]
    return "; ".join(parts) or finding.detail or finding.reason
