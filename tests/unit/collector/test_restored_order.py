"""A collector restored from a backup keeps the order it had then, and contradicts checkpoints that came after."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from tests.unit.collector.conftest import KEY, NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_backup import LATER, Place, place, planted, report
from tests.unit.collector.test_checkpoints import PUBLIC

from vonggac_collector.checkpoints import take_checkpoint
from vonggac_collector.proofs import prove_growth
from vonggac_collector.verification import verify_ledger
from vonggac_contract.errors import BadProof
from vonggac_contract.proof import check_proof

__all__ = ["place", "planted"]


@pytest.mark.hostile
def test_after_a_restore_a_checkpoint_of_between_is_refused_and_one_of_before_the_backup_holds(
    place: Place,
) -> None:
    with closing(place.open()) as ledger:
        take_checkpoint(ledger, KEY, NOW)
        old = prove_growth(ledger, KEY)
    backup, _ = place.save()
    with closing(place.open()) as ledger:
        report(ledger, Desk(ledger).enrol(Machine("may-2", seed=2)))
        take_checkpoint(ledger, KEY, LATER)
        between = prove_growth(ledger, KEY, since=old)
    assert check_proof(between, PUBLIC, kept=old).grown_from == 2
    place.restore(backup, replace=True)
    with closing(place.open()) as ledger:
        found = verify_ledger(ledger, collector_key=PUBLIC)
        assert (found.faults, found.checkpoints) == ([], 1)
        for n in range(2):
            with pytest.raises(BadProof, match="not the one that the kept checkpoint") as refused:
                prove_growth(ledger, KEY, since=between)
            assert "restored" in refused.value.hint
            report(ledger, Desk(ledger).enrol(Machine(f"may-{n + 3}", seed=n + 3)))
            take_checkpoint(ledger, KEY, LATER + timedelta(hours=n + 1))
            again = prove_growth(ledger, KEY, since=old)
            assert check_proof(again, PUBLIC, kept=old).grown_from == 2
            with pytest.raises(BadProof, match=r"two histories|nothing in the file shows"):
                check_proof(again, PUBLIC, kept=between)
        assert verify_ledger(ledger, collector_key=PUBLIC).faults == []
