"""A root of which nothing was mounted: what is not there says nothing about the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.facts.roots import mounted

from vonggac_agent.facts import gather
from vonggac_contract.facts import Fact, FactKey, Known, Reason, Unavailable

NO_DATABASE = [
    (FactKey("pam.checks"), Reason.NOT_INSTALLED, {"etc/pam.d/su": ""}),
    (FactKey("pam.stack", ("su",)), Reason.NOT_INSTALLED, {"usr/lib/pam.d/other": ""}),
    (FactKey("service.started"), Reason.NOT_INSTALLED, {"usr/lib/systemd/system/a.service": ""}),
    (FactKey("service.unit", ("a.service",)), Reason.NOT_INSTALLED, {"etc/init.d/b": ""}),
    (FactKey("package.held"), Reason.NOT_SUPPORTED, {"var/lib/dpkg/status": ""}),
    (FactKey("package.held"), Reason.NOT_SUPPORTED, {"var/lib/rpm/Packages": ""}),
    (FactKey("software.unpackaged"), Reason.NOT_SUPPORTED, {"var/lib/dpkg/status.d/base": ""}),
    (FactKey("package.origins"), Reason.NOT_SUPPORTED, {}),
]


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
