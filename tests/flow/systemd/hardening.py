"""Hardens a booted machine by the words of the rules: the indented lines of a `fix`, as an administrator copies them.

What is expected of it stands in `hardening.yaml`; `test_hardening` holds the one against the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple

import msgspec
from tests.flow.systemd.booted import Booted
from tests.flow.systemd.product import AGENT

from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.rule import Profile, Rule, RulebookFile

RULEBOOK = "/root/rulebook.json"
COMMAND_S = 400
"""More than the five minutes after which systemd ends a start script (systemd-sysv-generator's TimeoutSec)."""
LATE_S = 90
"""Installing AIDE, with its two hundred settings files, is the longest, and takes 30."""
GIVEN_AGAIN = r"""pkill -INT -x -P "$(pgrep -d, -f 'init\.d/clamav-milter (re)?start')" clamav-milter"""
"""The first process of clamav-milter waits until the second sends it SIGINT, and for ever if that comes between its
`sigaction` and its `wait` (ClamAV's common/misc.c, daemonize_parent_wait), as on a busy machine it may."""
RUNNING = ("ps", "-eo", "pid,ppid,stat,etimes,wchan:24,args", "--forest")
SCAN_S = 120
ROUNDS = 3
"""A repair may bring something that other rules are about, and theirs something again."""
FAMILY = "debian"
ENDS_THE_MACHINE = re.compile(r"\b(reboot|shutdown|poweroff|halt)(\s+\S+)?$")
WANTING = (Outcome.FAIL, Outcome.PARTIAL)
DONE = (Outcome.PASS, Outcome.NOT_APPLICABLE)

Findings = Mapping[str, Finding]


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """The finding's reason, and a sentence why it is so here."""

    reason: str
    why: str


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    """`hardening.yaml`. Every text is a sentence that says why."""

    unknown: dict[str, Reason]
    """Rules that can't be decided on this machine."""
    last: dict[str, str]
    """Rules whose repair takes away what others are about, or locks what they set: repaired after the others."""
    stays: dict[str, str]
    """Rules that do not pass although their repair ran."""
    refused: dict[str, str]
    """Beginnings of commands that can't succeed on this machine."""
    failed_units: dict[str, str]
    """Units that may fail to start on this machine."""
    shared: dict[str, str]
    """Beginnings of facts about what the machine has in common with the one underneath, and can't change."""

    def excuse(self, finding: Finding) -> str:
        """Why a finding follows from what is shared alone (another kernel may have it otherwise); else nothing."""
        facts = [evidence.fact for evidence in finding.evidence]
        if not facts or not all(fact.startswith(tuple(self.shared)) for fact in facts):
            return ""
        return next(why for beginning, why in self.shared.items() if facts[0].startswith(beginning))

    def why(self, finding: Finding) -> str:
        """Why its rule stays as it is."""
        return self.stays.get(finding.rule) or (finding.outcome not in DONE and self.excuse(finding)) or ""


class Refused(NamedTuple):
    """A command of a repair that left with a status other than 0 (124: too late); `said` is the end of what it said.

    Of one that took longer than `LATE_S`, `said` is also what ran then.
    """

    rule: str
    command: str
    status: int
    said: str


class Hardened(NamedTuple):
    """What became of a machine. `before`: as it booted; `repaired`: after all repairs but the last; `after`: then.

    `failed`: rules that failed at any time, in the order in which they were repaired.
    """

    before: Findings
    repaired: Findings
    after: Findings
    failed: list[str]
    refused: list[Refused]

    def judged(self, rule: str, last: Collection[str]) -> list[Outcome]:
        """Where a rule came to: what the last repairs took away counts as it was before."""
        looks = (self.after,) if rule in last else (self.repaired, self.after)
        return [look[rule].outcome for look in looks]


def expected(path: Path) -> Expected:
    """Read `hardening.yaml`."""
    return msgspec.yaml.decode(path.read_bytes(), type=Expected)


def read_rulebook(path: Path, profile: str) -> tuple[dict[str, Rule], Profile]:
    """The rules of a compiled rulebook by id, and one of its profiles."""
    book = msgspec.json.decode(path.read_bytes(), type=RulebookFile)
    return {rule.id: rule for rule in book.rules}, next(p for p in book.profiles if p.id == profile)


def commands(rule: Rule) -> list[str]:
    """The indented lines of the fix for this machine's family, up to the last Check."""
    fix = rule.fix.get(FAMILY) or rule.fix["any"]
    repair, _, _ = fix.en.rpartition("Check")
    return [line.strip() for line in repair.splitlines() if line.startswith("  ")]


def scan(machine: Booted, profile: str) -> Findings:
    """Rule -> what the installed agent finds, run by root with the rulebook at `RULEBOOK`."""
    argv = (AGENT, "scan", "--json", "--rules", RULEBOOK, "--profile", profile)
    told = json.loads(machine.run(*argv, timeout=SCAN_S).stdout)
    return {finding.rule: finding for finding in msgspec.convert(told["findings"], list[Finding])}


def repair(machine: Booted, rule: Rule) -> list[Refused]:
    """Run the commands of a rule's fix one after another, whatever becomes of each."""
    refused = []
    for command in commands(rule):
        if ENDS_THE_MACHINE.search(command):
            continue
        limit = ("timeout", "--kill-after=5", str(COMMAND_S))
        argv = ("env", "DEBIAN_FRONTEND=noninteractive", *limit, "bash", "-c", command)
        running: list[str] = []
        late = Timer(LATE_S, lambda seen=running: seen.append(_late(machine)))
        late.start()
        done = machine.run(*argv, timeout=COMMAND_S + 20, check=False)
        late.cancel()
        late.join()
        if done.returncode:
            said = "".join([*running, (done.stdout + done.stderr)[-300:]])
            refused.append(Refused(rule.id, command, done.returncode, said))
    return refused


def _late(machine: Booted) -> str:
    """What runs; and what is known to hang is helped on."""
    running = machine.run(*RUNNING, check=False).stdout
    machine.run("bash", "-c", GIVEN_AGAIN, check=False)
    return running


def harden(machine: Booted, rules: Mapping[str, Rule], profile: str, last: Collection[str]) -> Hardened:
    """Repair what fails, then what fails because of that, then what `last` names."""
    before = repaired = scan(machine, profile)
    failed: list[str] = []
    refused: list[Refused] = []
    for _ in range(ROUNDS):
        found = [r for r in wanting(repaired) if r not in failed and r not in last]
        if not found:
            break
        for rule in found:
            refused += repair(machine, rules[rule])
        failed += found
        repaired = scan(machine, profile)
    closing = [r for r in wanting(repaired) if r in last]
    for rule in closing:
        refused += repair(machine, rules[rule])
    return Hardened(before, repaired, scan(machine, profile), [*failed, *closing], refused)


def wanting(findings: Findings) -> list[str]:
    """Rules with something to repair, in the order of the profile."""
    return [rule for rule, found in findings.items() if found.outcome in WANTING]


def failed_units(machine: Booted) -> set[str]:
    """Units in the state `failed`."""
    said = machine.run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend").stdout
    return {line.split()[0] for line in said.splitlines()}


def figures(made: Hardened) -> dict[str, Any]:
    """All that was found, for a file: rule -> its outcomes in order, and the commands that were refused."""
    looks = (made.before, made.repaired, made.after)
    return {
        "outcomes": {rule: [look[rule].outcome for look in looks] for rule in made.before},
        "evidence": {rule: msgspec.to_builtins(made.after[rule]) for rule in wanting(made.after)},
        "refused": [refused._asdict() for refused in made.refused],
    }


def table(made: Hardened, expected: Expected) -> str:
    """One line for each rule that failed: what it was, what it became, and why it stays."""
    width = max((len(rule) for rule in made.failed), default=0)
    lines = [
        f"{rule:{width}}  {made.before[rule].outcome:14} {' '.join(made.judged(rule, expected.last)):29}"
        f" {expected.why(made.after[rule])}".rstrip()
        for rule in made.failed
    ]
    ends = [made.after[rule].outcome for rule in made.failed]
    figures = (
        f"{len(made.before)} rules; {len(made.failed)} failed, {ends.count(Outcome.PASS)} pass now,"
        f" {ends.count(Outcome.NOT_APPLICABLE)} have nothing to ask any more, {len(wanting(made.after))} stay"
    )
    return "\n".join((*lines, figures))
