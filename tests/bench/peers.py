"""The whole profile of level 5 beside OpenSCAP, the walk over the disk beside `find`, the programs that a look starts.

OpenSCAP evaluates the distribution's content for Debian 11 with its profile `standard`, from a copy without `platform`
conditions (XCCDF 1.2, 6.4.4.3), for with them every rule answers notapplicable on another release. The two take turns,
so that other work on the machine weighs on both.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.agreement.content import PLACE, PREFIX, read_results

from vonggac_agent.facts.files import file_walk, walked_places
from vonggac_agent.host import Host
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.rulebook import load_rulebook

from .figures import Beside, Figure, Process, run

MB = 10**6
PROFILE = "tcvn14423-level5"
SCAN = [sys.executable, "-m", "vonggac_agent", "scan", "--json", "--profile", PROFILE]
WITHOUT_WALK = {"VONGGAC_DISABLED_FACTS": "file.walk"}
RUNS = 5
WALKS = 3
CONTENT = PLACE / "ssg-debian11-xccdf.xml"
NEEDED: Final = {
    "sshd": "what holds after Match, Include and defaults compiled in (sshd(8) -T)",
    "nft": "rules that only the kernel holds",
    "iptables-save": "rules of the old interface, which only the kernel holds",
    "ip6tables-save": "the same",
    "iptables-legacy-save": "the same",
    "ip6tables-legacy-save": "the same",
    "auditctl": "rules that only the kernel holds",
    "rpm": "a database in a format of its own",
    "dnf": "a cache in a format of its own",
}
"""Programs for which there is nothing to read instead, and why."""


def figures() -> Iterator[Figure]:
    """As far as the peers are installed; what is missing is said."""
    yield from scanned()
    yield from started()
    yield from walked()


def scanned() -> Iterator[Figure]:
    """Processor time and memory of all rules but those of the walk; rules a processor second, beside OpenSCAP."""
    rules = len(load_rulebook(default_rulebook_bytes()).profile_rules(PROFILE, "linux"))
    with tempfile.TemporaryDirectory() as folder:
        theirs = openscap(Path(folder))
        ours: list[Process] = []
        others: list[Process] = []
        for turn in range(RUNS + 1):
            ours.append(run(SCAN, env=WITHOUT_WALK))
            if theirs is not None:
                others.append(run(theirs))
            if turn == 0:  # it warms up
                ours.clear()
                others.clear()
        if ours[-1].code not in (0, 1):
            raise RuntimeError(f"the scan ended with {ours[-1].code}")
        cpu = statistics.median(p.cpu_s for p in ours)
        rss = statistics.median(p.rss for p in ours) / MB
        if theirs is None:
            yield Figure(f"{rules} rules without the walk, CPU", cpu, "s", 0.8)
            yield Figure(f"{rules} rules without the walk, memory", rss, "MB", 60)
            return
        results = read_results(Path(folder) / "results.xml").values()
        evaluated = sum(result in ("pass", "fail", "unknown") for result in results)
    other = statistics.median(p.cpu_s for p in others)
    name = f"OpenSCAP, {evaluated} rules"
    yield Figure(f"{rules} rules without the walk, CPU", cpu, "s", 0.8, beside=Beside(name, other))
    memory = Beside(name, statistics.median(p.rss for p in others) / MB)
    yield Figure(f"{rules} rules without the walk, memory", rss, "MB", 60, beside=memory)
    rate = Beside("OpenSCAP", evaluated / other)
    yield Figure("rules a CPU second", rules / cpu, "/s", 30 * rate.value, over=True, beside=rate)


def openscap(folder: Path) -> list[str] | None:
    """The command that evaluates a copy in `folder`; None if OpenSCAP or its content is not here."""
    if shutil.which("oscap") is None or not CONTENT.is_file():
        print("OpenSCAP is left out: apt-get install --no-install-recommends openscap-scanner ssg-debian")
        return None
    copy = folder / CONTENT.name
    copy.write_text(re.sub(r'<[\w.:-]*platform idref="[^"]*"/>', "", CONTENT.read_text(encoding="utf-8")))
    shutil.copy(PLACE / "ssg-debian11-oval.xml", folder)
    return [
        *("oscap", "xccdf", "eval", "--skip-validation", "--profile", f"{PREFIX}profile_standard"),
        *("--results", str(folder / "results.xml"), str(copy)),
    ]


def started() -> Iterator[Figure]:
    """Programs that one look starts, and those of them that a read could replace."""
    if shutil.which("strace") is None:
        print("programs are not counted: apt-get install --no-install-recommends strace")
        return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "execve"
        run(["strace", "-f", "-e", "trace=execve", "-o", str(log), *SCAN], env=WITHOUT_WALK)
        found = re.findall(r'execve\("([^"]*)".* = 0$', log.read_text(errors="replace"), re.MULTILINE)
    names = [Path(path).name for path in found[1:]]
    yield Figure(f"programs started: {', '.join(sorted(set(names))) or 'none'}", len(names), "")
    yield Figure("programs started where a read would do", sum(n not in NEEDED for n in names), "", 0)


def walked() -> Iterator[Figure]:
    """Processor time of the walk over this machine's disk, beside `find` asking the same questions of the same folders.

    For `find` an owner is unknown if his number is above all that are given out: its `-nouser` reads the list of
    accounts again for each entry, which takes it five times as long.
    """
    if os.geteuid() != 0:
        print("the walk is left out: only root sees the whole disk")
        return
    host = Host(Path("/"), now=datetime.now(UTC))
    table = walked_places.mounted((host.read("proc/self/mountinfo") or b"").split(b"\n"))
    mounts = [p or "/" for p in walked_places.local(table) if Path(p or "/").is_dir()]
    names = [word for name in sorted(file_walk.TRUST) for word in ("-o", "-name", name)]
    unknown = ["-uid", "+65534", "-o", "-gid", "+65534"]
    argv = [
        *("find", *dict.fromkeys(mounts), "-xdev"),
        *("(", "-type", "f", "(", "-perm", "/6002", *names, ")"),
        *("-o", "-type", "d", "-perm", "-0002", "!", "-perm", "-1000"),
        *("-o", "-type", "b", "-o", "-type", "c", "-o", "!", "-type", "l", "(", *unknown, ")", ")"),
        *("-printf", "%p %u %m\n"),
    ]
    ours, others = [], []
    entries: list[int] = []
    for _ in range(WALKS):
        others.append(spent(lambda: subprocess.run(argv, capture_output=True, check=False)))
        ours.append(spent(lambda: entries.append(file_walk.gather(host, ())[0].entries)))
    yield Figure(
        f"walk over {entries[-1]:,} entries, CPU",
        statistics.median(ours),
        "s",
        1.5 * statistics.median(others),
        beside=Beside("find", statistics.median(others)),
    )


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of `work` and the programs it waits for."""
    began = processor_s()
    work()
    return processor_s() - began


def processor_s() -> float:
    """Processor seconds of this process and of its children that have ended (times(2))."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
