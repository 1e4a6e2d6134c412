"""How far search is behind is a figure that anybody can watch."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import yaml
from prometheus_client import generate_latest
from tests.unit.collector.conftest import KEY, NOW

from vonggac_collector import audit, policy
from vonggac_collector.checkpoints import take_checkpoint
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import DeadLetter
from vonggac_collector.ledger.standings import Round
from vonggac_collector.metrics import Metrics


def test_what_waits_since_when_and_what_is_dead_is_in_the_metrics(ledger: Ledger) -> None:
    metrics = Metrics(ledger, lambda: NOW + timedelta(seconds=90), Path("/"))

    def told() -> dict[str, float]:
        lines = generate_latest(metrics.registry).decode().splitlines()
        pairs = [line.split() for line in lines if line.startswith("vonggac_index_")]
        return {name.removeprefix("vonggac_index_"): float(value) for name, value in pairs}

    assert told() == {"waiting": 0, "oldest_seconds": 0, "dead_letters": 0}
    with ledger.write() as tx:
        tx.outbox.add("look", ["a", "b"], NOW)
        tx.outbox.bury(DeadLetter(tx.outbox.ticket(), "look", "c", "why", NOW))
    assert told() == {"waiting": 2, "oldest_seconds": 90, "dead_letters": 1}


def test_what_is_alerted_on_is_what_the_metrics_say(ledger: Ledger, tmp_path: Path) -> None:
    rules = Path(__file__).parents[4] / "packaging/prometheus/vonggac.rules.yaml"
    (group,) = yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"]
    named = {name for rule in group["rules"] for name in re.findall(r"vonggac_\w+", rule["expr"])}
    metrics = Metrics(ledger, lambda: NOW, Path("/"))
    metrics.observe("POST", 503, 0.1)
    with ledger.write() as tx:
        tx.standings.end_round(Round(NOW - timedelta(seconds=7), 1))
        audit.record_refusal(tx, NOW, "policy-foreign", actor="test", subject="", detail="")
    take_checkpoint(ledger, KEY, NOW)
    policy.begin(ledger, tmp_path, NOW, "test")
    assert "vonggac_standings_age_seconds 7.0" in generate_latest(metrics.registry).decode()
    told = re.findall(r"^(vonggac_\w+)", generate_latest(metrics.registry).decode(), re.MULTILINE)
    assert "vonggac_index_oldest_seconds" in named
    assert named <= set(told)
