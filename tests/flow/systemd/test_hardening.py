"""On a booted server every rule decides, and the repairs that the rules write turn what fails into what passes."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.systemd import hardening, product, server_root
from tests.flow.systemd.booted import CLONE, Booted
from tests.flow.systemd.conftest import wanting
from tests.flow.systemd.hardening import DONE, WANTING, Expected, Hardened

from vonggac_contract.finding import Outcome
from vonggac_rules.cli import main as vonggac_rules

PROFILE = "tcvn14423-level5"
"""It asks every rule, and asks most of each."""
ADMINISTRATOR = "lan"
FIGURES = CLONE / "build/hardening.json"

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def expected() -> Expected:
    return hardening.expected(Path(__file__).with_name("hardening.yaml"))


@pytest.fixture(scope="module")
def password() -> str:
    return f"{secrets.token_urlsafe(18)}-Aa1!"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, password: str) -> Iterator[Booted]:
    """The server with the agent and an administrator, who has a password and a key that lies in /root."""
    if reason := wanting():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    root = server_root.root()
    layer = tmp_path_factory.mktemp("server")
    server_root.furnish(layer)
    with product.installed(root) as agent, Booted([layer, agent, root]) as booted:
        booted.run("useradd", "-m", "-s", "/bin/bash", "-G", "sudo", ADMINISTRATOR)
        booted.run("chpasswd", given=f"{ADMINISTRATOR}:{password}\n")
        booted.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key")
        booted.run("install", "-d", "-m", "0700", "-o", ADMINISTRATOR, f"/home/{ADMINISTRATOR}/.ssh")
        key = booted.run("cat", "/root/key.pub").stdout
        booted.write(f"/home/{ADMINISTRATOR}/.ssh/authorized_keys", key)
        booted.run("chown", "-R", f"{ADMINISTRATOR}:{ADMINISTRATOR}", f"/home/{ADMINISTRATOR}")
        yield booted


@pytest.fixture(scope="module")
def hardened(machine: Booted, expected: Expected, tmp_path_factory: pytest.TempPathFactory) -> Hardened:
    """What became of the server by today's rules, compiled from the clone."""
    book = tmp_path_factory.mktemp("rulebook") / "rulebook.json"
    assert vonggac_rules(["compile", str(CLONE / "policies"), "--out", str(book)]) == 0
    rules, profile = hardening.read_rulebook(book, PROFILE)
    assert set(profile.rules) == {id for id, rule in rules.items() if rule.platform == "linux"}
    machine.write(hardening.RULEBOOK, book.read_text())
    made = hardening.harden(machine, rules, PROFILE, expected.last)
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(hardening.figures(made), indent=1) + "\n")
    return made


def test_every_rule_decides_but_those_whose_reason_is_written_down(
    hardened: Hardened, expected: Expected
) -> None:
    looks = (hardened.before, hardened.repaired, hardened.after)
    unknown = {
        (rule, found.reason)
        for look in looks
        for rule, found in look.items()
        if found.outcome is Outcome.UNKNOWN and not expected.excuse(found)
    }
    assert unknown == {(rule, entry.reason) for rule, entry in expected.unknown.items()}


def test_what_failed_passes_after_its_repair_but_where_it_is_written_why_not(
    hardened: Hardened, expected: Expected
) -> None:
    FIGURES.with_suffix(".txt").write_text(f"{hardening.table(hardened, expected)}\n")
    stays = {
        rule: hardened.after[rule].evidence
        for rule in hardened.failed
        if any(outcome not in DONE for outcome in hardened.judged(rule, expected.last))
        and not expected.excuse(hardened.after[rule])
    }
    assert {rule: evidence for rule, evidence in stays.items() if rule not in expected.stays} == {}
    assert set(expected.stays) - set(stays) == set(), "these are repaired now"


def test_no_repair_undoes_what_was_right(hardened: Hardened) -> None:
    undone = {
        rule: hardened.after[rule].evidence
        for rule, found in hardened.before.items()
        if found.outcome is Outcome.PASS and hardened.after[rule].outcome in WANTING
    }
    assert {rule: evidence for rule, evidence in undone.items() if rule not in hardened.failed} == {}


def test_every_command_of_a_repair_succeeds_but_where_it_is_written_why_not(
    hardened: Hardened, expected: Expected
) -> None:
    met = set()
    unforeseen = []
    for refused in hardened.refused:
        known = [beginning for beginning in expected.refused if refused.command.startswith(beginning)]
        met.update(known)
        if not known:
            unforeseen.append(refused)
    assert unforeseen == []
    assert set(expected.refused) - met == set(), "these succeed now"


def test_the_administrator_still_logs_in_and_becomes_root(
    machine: Booted, hardened: Hardened, password: str
) -> None:
    assert hardened.after
    machine.write("/root/answer", f"#!/bin/sh\necho '{password}'\n", mode="0700")
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes")
    done = machine.run(
        *("env", "SSH_ASKPASS=/root/answer", "SSH_ASKPASS_REQUIRE=force", "ssh", "-i", "/root/key"),
        *(word for option in options for word in ("-o", option)),
        *(f"{ADMINISTRATOR}@{server_root.ADDRESS}", "sudo -S -p '' id -u"),
        given=f"{password}\n",
    )
    assert done.stdout.split()[-1] == "0"


def test_no_service_is_broken_but_those_that_can_not_run_here(
    machine: Booted, hardened: Hardened, expected: Expected
) -> None:
    assert hardened.after
    assert hardening.failed_units(machine) - set(expected.failed_units) == set()
