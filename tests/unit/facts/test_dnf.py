"""Updates of the Red Hat family are those that dnf names from its cache."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, NOW, mounted

from vonggac_agent import programs
from vonggac_agent.facts.packages import dnf, rpm
from vonggac_agent.host import Host
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import Package, PendingUpdate

NEWEST = (FIXTURES / "dnf" / "newest.txt").read_bytes()
SECURITY = (FIXTURES / "dnf" / "security.txt").read_bytes()
PACKAGES = rpm.parse_query((FIXTURES / "rpm" / "query.txt").read_bytes())


class Answering(Host):
    """A host on which dnf answers as given."""

    def __init__(self, root: Path, answers: dict[tuple[str, ...], bytes | CouldNotLook]) -> None:
        super().__init__(root, now=NOW)
        self.answers = answers

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        answer = self.answers[argv]
        if isinstance(answer, CouldNotLook):
            raise answer
        return answer


def test_what_dnf_wrote_becomes_updates_and_advisories_mark_security(tmp_path: Path) -> None:
    repodata = tmp_path / "var/cache/dnf/baseos-1f8f59f86cff30c4/repodata"
    repodata.mkdir(parents=True)
    (repodata / "repomd.xml").touch()
    os.utime(repodata / "repomd.xml", (0, 1_700_000_000))
    found = dnf.updates(
        Answering(tmp_path, {programs.DNF_NEWEST: NEWEST, programs.DNF_SECURITY: SECURITY}), PACKAGES
    )
    assert found.pending == [
        PendingUpdate("kernel-sample", "5.14.0-427.13.1.el9_4", "5.14.0-503.11.1.el9_5", False),
        PendingUpdate("vonggac-sample", "2:1.4.2-7", "2:1.4.2-9", True),
        PendingUpdate("vonggac-sample-libs", "2:1.4.2-7", "2:1.4.2-9", False),
    ]
    assert found.security_pending == 1
    assert found.origins == ["baseos"]
    assert found.lists_updated is not None
    assert found.lists_updated.timestamp() == 1_700_000_000


def test_of_several_installed_kernels_the_newest_is_named() -> None:
    kernels = [Package("kernel", version, "x86_64") for version in ("5.14.0-9.el9", "5.14.0-10.el9")]
    offer = dnf.Offer("kernel", "5.14.0-11.el9", "x86_64", "baseos")
    assert dnf.arrange([offer], [], kernels) == [
        PendingUpdate("kernel", "5.14.0-10.el9", "5.14.0-11.el9", False)
    ]


def test_without_metadata_nothing_is_called_up_to_date(tmp_path: Path) -> None:
    complaint = CouldNotLook(
        Reason.MALFORMED, "/usr/bin/dnf ended with 1: Error: Cache-only enabled but no cache for 'baseos'"
    )
    with pytest.raises(CouldNotLook, match="not-installed: there is no metadata"):
        dnf.updates(Answering(tmp_path, {programs.DNF_NEWEST: complaint}), PACKAGES)


def test_another_failure_of_dnf_keeps_its_reason(tmp_path: Path) -> None:
    late = CouldNotLook(Reason.TIMED_OUT, "dnf took longer than 10 s")
    with pytest.raises(CouldNotLook, match="timed-out"):
        dnf.updates(Answering(tmp_path, {programs.DNF_NEWEST: NEWEST, programs.DNF_SECURITY: late}), PACKAGES)


def test_a_mounted_root_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="not-supported"):
        dnf.updates(mounted(tmp_path, {}), PACKAGES)


@pytest.mark.hostile
@given(st.binary(max_size=200))
def test_any_output_is_parsed_or_refused(raw: bytes) -> None:
    try:
        offers = dnf.parse(raw)
    except ValueError:
        return
    assert all(all(offer) for offer in offers)
