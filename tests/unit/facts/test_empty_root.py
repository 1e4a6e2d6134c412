"""A root of which nothing was mounted: what is not there says nothing about the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.facts.roots import NOW, mounted

from vonggac_agent.facts import gather
from vonggac_agent.host import Host
from vonggac_contract.facts import Fact, FactKey, Known, Reason, Unavailable
from vonggac_contract.finding import Outcome
from vonggac_contract.snapshot import Snapshot
from vonggac_rules.evaluate import View, decide_rule
from vonggac_rules.load import load_rule
from vonggac_rules.plan import facts_in
from vonggac_rules.soundness import defaults
from vonggac_rules.source import read_source

REPOSITORY = Path(__file__).resolve().parents[3]

NO_DATABASE = [
    (FactKey("pam.checks"), Reason.NOT_INSTALLED, {"etc/pam.d/su": ""}),
    (FactKey("pam.stack", ("su",)), Reason.NOT_INSTALLED, {"usr/lib/pam.d/other": ""}),
    (FactKey("service.started"), Reason.NOT_INSTALLED, {"usr/lib/systemd/system/a.service": ""}),
    (FactKey("service.unit", ("a.service",)), Reason.NOT_INSTALLED, {"etc/init.d/b": ""}),
    (FactKey("package.held"), Reason.NOT_SUPPORTED, {"var/lib/dpkg/status": ""}),
    (FactKey("package.held"), Reason.NOT_SUPPORTED, {"var/lib/rpm/Packages": ""}),
    (FactKey("software.unpackaged"), Reason.NOT_SUPPORTED, {"var/lib/dpkg/status.d/base": ""}),
    (FactKey("package.origins"), Reason.NOT_SUPPORTED, {}),
    (FactKey("file.walk"), Reason.NOT_INSTALLED, {"etc/passwd": "root:x:0:0::/root:/bin/sh\n"}),
    (FactKey("systemd.timers"), Reason.NOT_INSTALLED, {"usr/lib/systemd/system/a.service": ""}),
    (FactKey("login.banner"), Reason.NOT_INSTALLED, {"etc/hostname": ""}),
    (FactKey("desktop.autologin"), Reason.NOT_INSTALLED, {"etc/hostname": ""}),
    (FactKey("mount.table"), Reason.NOT_INSTALLED, {"etc/hostname": ""}),
    (FactKey("disk.encryption"), Reason.NOT_INSTALLED, {"etc/hostname": ""}),
    (FactKey("audit.watch", ("/etc/security/opasswd",)), Reason.NOT_INSTALLED, {"etc/hostname": ""}),
    (FactKey("audit.watch", ("/var/log/btmp",)), Reason.NOT_INSTALLED, {"var/log/dpkg.log": ""}),
]
SEEN = "the files of accounts are there, and hold nobody of whom it is asked"
NO_HOME = "no home holds such a file; that root's or anybody's home is missing is another rule's word"
GOOD_ABSENT = {
    **dict.fromkeys(
        (
            *("linux.accounts.administrators", "linux.accounts.generic", "linux.accounts.group-passwords"),
            *("linux.accounts.known-groups", "linux.accounts.locked-keys", "linux.accounts.password-age"),
            *("linux.accounts.powerful-groups", "linux.accounts.root-group", "linux.accounts.shadowed"),
            *("linux.accounts.system-login", "linux.accounts.uid-zero", "linux.accounts.unique"),
            *("linux.accounts.unused", "linux.files.accounts"),
        ),
        SEEN,
    ),
    **dict.fromkeys(
        ("linux.accounts.dot-files", "linux.accounts.password-files", "linux.accounts.trust-files"), NO_HOME
    ),
    "linux.session.motd": "a message that is not there reveals nothing",
    "linux.session.no-autologon": "nobody is logged in by the machine unless a setting says so",
    "linux.storage.clear-password": "an fstab that is not there holds no password",
    "linux.storage.swap": "no swap area is the good state",
}
"""Rules that pass because something is not there, and why that is right."""


def fact(folder: Path, key: FactKey, files: dict[str, str]) -> Fact:
    return gather(mounted(folder, files), [key])[key]


@pytest.mark.parametrize(("key", "reason", "least"), NO_DATABASE)
def test_an_empty_root_passes_nothing_by_absence_of_the_database(
    tmp_path: Path, key: FactKey, reason: Reason, least: dict[str, str]
) -> None:
    found = fact(tmp_path / "empty", key, {})
    assert isinstance(found, Unavailable)
    assert found.reason is reason
    if least:
        assert isinstance(fact(tmp_path / "kept", key, least), Known)


@pytest.mark.parametrize("name", ["usr", "var/log"])
def test_what_would_lie_in_an_empty_folder_is_not_said_to_be_absent(tmp_path: Path, name: str) -> None:
    """As where a disk of its own is mounted in the running system."""
    (tmp_path / name).mkdir(parents=True)
    key = FactKey("audit.watch", (f"/{name}/bin/sudo",))
    assert isinstance(fact(tmp_path, key, {"etc/hostname": ""}), Unavailable)


def passing(folder: Path, files: dict[str, str]) -> set[str]:
    """The rules that pass on a root with these files, by their default values."""
    host = mounted(folder, files)
    rules = [
        load_rule(read_source(path)).rule
        for path in sorted((REPOSITORY / "policies/packs/linux").rglob("*.rule.yaml"))
    ]
    named = [
        facts_in(rule.check) | (facts_in(rule.when) if rule.when is not None else set()) for rule in rules
    ]
    view = View(Snapshot(NOW, "linux", dict(gather(host, sorted(set().union(*named))))))
    found = {rule.id: decide_rule(rule, defaults(rule), view).outcome for rule in rules}
    return {rule_id for rule_id, outcome in found.items() if outcome is Outcome.PASS}


def test_on_an_empty_root_no_rule_passes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert passing(tmp_path / "empty", {}) == set()


def test_where_only_the_folder_of_settings_is_there_rules_pass_by_absence_for_a_reason(
    tmp_path: Path,
) -> None:
    """A root without its /usr and /var, which holds one account and nothing that is set."""
    assert passing(
        tmp_path, {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
    ) == set(GOOD_ABSENT)


def test_a_path_of_two_slashes_below_a_root_that_is_gone_is_not_looked_for_without_end(
    tmp_path: Path,
) -> None:
    key = FactKey("audit.watch", ("//etc/security/opasswd",))
    found = gather(Host(tmp_path / "gone", now=NOW), [key], deadline_s=2)[key]
    assert isinstance(found, Unavailable)
    assert found.reason is Reason.NOT_INSTALLED
