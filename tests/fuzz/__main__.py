"""`make fuzz [ONLY=pattern] [SECONDS=n]`: coverage-guided fuzzing (atheris, libFuzzer) of every target, one by one.

It begins where the tests of a topic lead (`record`). What is found stays under build/fuzz: inputs that reach something
new, and any that broke a target. Afterwards the inputs are replayed to prove that the target was reached: its functions
that ran, and how many inputs it took. A target that took none, or of which too little ran, counts as failed like one
that broke; at the end all functions that no target of the round came to are named.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import CodeType

from tests.fuzz import record, running
from tests.fuzz.machines import SEPARATOR
from tests.fuzz.reach import ROOMS, leads_to, ran
from tests.fuzz.targets import TARGETS, Target
from tests.unit.facts.test_any_machine import WORDS

from vonggac_agent.facts import GATHERERS

BUILD = Path("build/fuzz")
FIXTURES = Path("tests/fixtures")
LONGEST = 16 * 1024
"""Bytes of an input: what is longer shows nothing that is not in it already."""
RSS_MB = 1024
INPUT_S = 5
"""Seconds that one input may take, on a machine that does other things as well."""


def main() -> int:
    """Exit status 0 if no target broke and each was reached, 1 if not, 2 if atheris is not there."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--only", default="*", help="targets by name, with wildcards: topic:nginx*")
    parser.add_argument("--seconds", type=int, default=20, help="time for each target")
    args = parser.parse_args()
    chosen = {name: target for name, target in TARGETS.items() if fnmatch.fnmatchcase(name, args.only)}
    if not chosen:
        print(f"no target is called {args.only}; there is: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    record.collect()
    reached: set[CodeType] = set()
    bad = [name for name, target in chosen.items() if not fuzz(name, target, args.seconds, reached)]
    topics = [name.removeprefix("topic:") for name in chosen if name.startswith("topic:")]
    wanted = frozenset[CodeType]().union(*(leads_to(GATHERERS[topic], ROOMS) for topic in topics))
    missed = sorted(f"{Path(code.co_filename).stem}.{code.co_qualname}" for code in wanted - reached)
    if topics:
        print(f"{len(wanted & reached)} of {len(wanted)} functions ran that these topics may come to")
        print(f"not: {', '.join(missed)}")
    print(f"{len(chosen)} targets, {len(bad)} to look at" + (f": {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


def fuzz(name: str, target: Target, seconds: int, reached: set[CodeType]) -> bool:
    """Fuzz one target in a process of its own; print a line; add to `reached` what ran; whether all is well."""
    folder = BUILD / name.replace(":", "-")
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*seeds(target.seeds), *target.made, *recorded(name)]):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{escaped(w)}"\n' for w in WORDS))
    options = [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={RSS_MB}",
        f"-timeout={INPUT_S}",
        f"-max_len={LONGEST}",
    ]
    options += [f"-dict={words}", f"-artifact_prefix={folder}/", "-print_final_stats=1", "-verbosity=1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", name, *options, str(corpus)],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode("utf-8", "replace")
    executed = re.search(r"stat::number_of_executed_units: (\d+)", told)
    covered = re.findall(r"cov: (\d+)", told)
    inputs = [path.read_bytes() for path in sorted(corpus.iterdir())]
    taken, came = ran(target.run, inputs)
    reached |= came
    wanted = {code for code in target.functions if code.co_qualname not in target.beyond}
    missed = sorted(code.co_qualname for code in wanted - came)
    well = done.returncode == 0 and taken > 0 and len(missed) <= (1 - target.least) * len(wanted)
    print(
        f"{name:<34} {executed[1] if executed else '?':>9} runs  cov {covered[-1] if covered else '?':>6}  "
        f"{len(inputs):>5} inputs, {taken} taken  {len(wanted) - len(missed)}/{len(wanted)} functions  "
        + ("" if well else f"LOOK: {folder}" if done.returncode else f"not reached: {', '.join(missed)}"),
        flush=True,
    )
    if done.returncode:
        print("\n".join(told.splitlines()[-30:]), file=sys.stderr)
    return well


def recorded(name: str) -> list[bytes]:
    """What the tests look at; of a topic also running systems with the same files."""
    kind, _, topic = name.partition(":")
    if kind != "topic":
        return record.kept(name)
    found = record.kept(topic)
    return [machine for machine in [*found, *running.beside(topic, found)] if len(machine) <= LONGEST]


def seeds(pattern: str) -> Iterable[bytes]:
    """Real files, each word alone, and some together."""
    for path in sorted(FIXTURES.glob(pattern)):
        if path.is_file() and path.stat().st_size <= LONGEST:
            yield path.read_bytes()
    encoded = [word.encode("utf-8", "surrogatepass") for word in WORDS]
    yield from encoded
    for at in range(0, len(encoded), 7):
        yield b"".join(encoded[at : at + 7])
        yield SEPARATOR.join(encoded[at : at + 5])


def escaped(word: str) -> str:
    """As libFuzzer's dictionaries write bytes."""
    return "".join(f"\\x{byte:02X}" for byte in word.encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    raise SystemExit(main())
