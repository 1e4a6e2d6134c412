"""A verifier of proof files written from docs/wire.md alone, with nothing of the product in it, agrees on thousands."""

from __future__ import annotations

import ast
import json
import random
import re
import sys
from pathlib import Path

import pytest
from tests.unit.contract.second import proof as second
from tests.unit.contract.second.form import REFUSALS, need
from tests.unit.contract.test_proof import kept, whole
from tests.unit.contract.test_wire_golden import AGENT_PUBLIC, COLLECTOR_PUBLIC
from tests.unit.properties import EXAMPLES

from vonggac_contract.errors import ContractError
from vonggac_contract.proof import check_proof, proof_from_bytes, proof_to_bytes


def mutated(good: str, chance: random.Random) -> str:
    """The file with one thing in it different, somewhere, or the same file with its members in another order."""
    text = list(good)
    what = chance.randrange(5)
    at = chance.randrange(len(text))
    if what == 0:
        text[at] = chance.choice('0123456789abcdefABZ+/="{}[]:, ')
    elif what == 1:
        del text[at : at + chance.randrange(1, 70)]
    elif what == 2:
        value = json.loads(good)
        for name in chance.sample(sorted(value), chance.randrange(1, 3)):
            del value[name]
        return json.dumps(value)
    elif what == 3:
        value = json.loads(good)
        path = value["leaf" if chance.randrange(2) else "consistency"]
        path = path["path"] if isinstance(path, dict) else path
        if not path:
            return good
        one, other = chance.randrange(len(path)), chance.randrange(len(path))
        path[one], path[other] = path[other], path[one]
        return json.dumps(value)
    else:
        value = json.loads(good)
        return json.dumps({n: value[n] for n in chance.sample(sorted(value), len(value))})
    return "".join(text)


def test_the_second_verifier_and_what_it_is_tried_on_import_nothing_of_the_product() -> None:
    here = Path(__file__).parent
    for path in (here / "chains.py", here / "harms.py", *(here / "second").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        named += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        ours = {n for n in named if re.match(r"tests\.unit\.contract\.(chains|harms|second)\b", n)}
        assert {n.partition(".")[0] for n in named if n not in ours} <= {
            *sys.stdlib_module_names,
            "cryptography",
        }


@pytest.mark.hostile
def test_both_verifiers_agree_on_good_and_mutated_proofs() -> None:
    compare(400, 9162)


@pytest.mark.hostile
@pytest.mark.worlds
def test_both_verifiers_agree_on_thousands_of_good_and_mutated_proofs() -> None:
    compare(5 * EXAMPLES, 6962)


def compare(number: int, seed: int) -> None:
    chance = random.Random(seed)
    files = [
        (proof_to_bytes(whole(size, since)).decode(), since)
        for size, since in ((11, 6), (8, 8), (11, 1), (7, 4))
    ]
    verdicts = {True: 0, False: 0}
    for _ in range(number):
        good, since = chance.choice(files)
        raw, held = mutated(good, chance), kept(since)
        try:
            check_proof(proof_from_bytes(raw.encode()), COLLECTOR_PUBLIC, agent_key=AGENT_PUBLIC, kept=held)
            ours = True
        except ContractError:
            ours = False
        try:
            value = json.loads(raw)
            need("envelope" in value)
            second.check_proof(value, COLLECTOR_PUBLIC, AGENT_PUBLIC, json.loads(proof_to_bytes(held)))
            theirs = True
        except REFUSALS:
            theirs = False
        assert ours == theirs, raw
        verdicts[ours] += 1
    assert min(verdicts.values()) > 50
