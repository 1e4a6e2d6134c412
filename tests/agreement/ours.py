"""Our own look at a root: every rule of the packs in one profile, with the thresholds that the other side uses."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from vonggac_agent.host import Host
from vonggac_agent.scan import scan_host
from vonggac_contract.finding import Finding
from vonggac_rules.pack import compile_pack, load_pack
from vonggac_rules.profiles import load_profile
from vonggac_rules.rulebook import Rulebook, load_rulebook
from vonggac_rules.source import read_source

POLICIES = Path(__file__).resolve().parents[2] / "policies"
TEXT = {"vi": "So sánh", "en": "Comparison"}


def rulebook(parameters: dict[str, dict[str, dict[str, Any]]], work: Path) -> Rulebook:
    """The packs with one profile for each key of `parameters`; its values, rule -> parameter -> value, as a profile
    file has them. Raises RuleError for a pack with errors or a value that does not fit.
    """
    pack = load_pack(POLICIES)
    profiles = []
    for name, values in parameters.items():
        chosen = {rule: values.get(rule, {}) for rule in sorted(pack.rules) if rule.startswith("linux.")}
        path = work / f"{name}.profile.yaml"
        said = {"id": name, "level": 5, "title": TEXT, "source": TEXT, "rules": chosen}
        path.write_text(json.dumps(said))  # JSON is YAML without the anchors that profiles do not take
        profiles.append(load_profile(read_source(path), pack.rules))
    return load_rulebook(compile_pack(msgspec.structs.replace(pack, profiles=profiles), "agreement", {}))


def look(root: Path, book: Rulebook, profile: str, now: datetime) -> dict[str, Finding]:
    """Rule id -> finding."""
    return {finding.rule: finding for finding in scan_host(Host(root, now=now), book, profile).findings}
