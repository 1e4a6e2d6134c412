"""`python -m tests.rules PATTERN…`: what the suite asks of rules, for those whose ids match, while they are written.

Prints what does not hold: files, cases, texts, and faults put into a rule that none of its cases notices.
"""

from __future__ import annotations

import fnmatch
import inspect
import sys

from msgspec.structs import replace

from vonggac_rules.pack import Pack, load_pack
from vonggac_rules.source import read_source

from . import test_texts_and_maps
from .conftest import POLICIES
from .test_cases_notice_every_fault import EQUIVALENT, surviving


def main(patterns: list[str]) -> int:
    """Exit status 0 if nothing is wrong with the rules named, 1 if something is."""
    whole = load_pack(POLICIES)
    chosen = {i: r for i, r in whole.rules.items() if any(fnmatch.fnmatchcase(i, p) for p in patterns)}
    folders = {r.source.file.rpartition("/")[0] for r in chosen.values()}
    wrong = [
        f"{e.place}: {e.message} ({e.hint})"
        for e in whole.errors
        if str(e.place).rpartition("/")[0] in folders or any(p.strip("*") in str(e.place) for p in patterns)
    ]
    pack = replace(whole, rules=chosen, cases={i: whole.cases[i] for i in chosen})
    wrong += text_faults(pack)
    excused = read_source(EQUIVALENT).value
    for rule_id in sorted(chosen):
        left = set(surviving(pack, rule_id)) - set(excused.get(rule_id, {}))
        wrong += [f"{rule_id}: no case notices the fault «{name}»" for name in sorted(left)]
    for line in wrong:
        print(line)
    cases = sum(len(c) for c in pack.cases.values())
    print(f"{len(chosen)} rules, {cases} cases: " + (f"{len(wrong)} to mend" if wrong else "all hold"))
    return 1 if wrong or not chosen else 0


def text_faults(pack: Pack) -> list[str]:
    """What the tests of texts and maps say of these rules."""
    found: list[str] = []
    told: list[str] = []

    def offenders(pack: Pack, wrong: dict[str, bool]) -> list[str]:
        told[:] = [place for place, is_wrong in wrong.items() if is_wrong]
        return told

    test_texts_and_maps.offenders = offenders
    for name, test in inspect.getmembers(test_texts_and_maps, inspect.isfunction):
        if not name.startswith("test_") or list(inspect.signature(test).parameters) != ["pack"]:
            continue
        if name == "test_every_domain_is_covered" or name.endswith("has_a_case_outside_it"):
            continue
        told.clear()
        try:
            test(pack)
        except AssertionError:
            found.append(f"{name}: {'; '.join(told) or 'does not hold'}")
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
