"""The audit trail as the running kernel tells it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import mounted
from tests.unit.properties import thorough

from vonggac_agent import programs
from vonggac_agent.facts import gather
from vonggac_agent.facts.logs import audit_kernel
from vonggac_agent.host import Host
from vonggac_contract.facts import CouldNotLook, FactKey, Reason, Unavailable
from vonggac_contract.facts.logs import AuditKernel

STATUS = """\
enabled 2
failure 1
pid 417
rate_limit 0
backlog_limit 8192
lost 3
backlog 0
backlog_wait_time 60000
loginuid_immutable 0 unlocked
"""
OLD = "AUDIT_STATUS: enabled=1 flag=1 pid=0 rate_limit=0 backlog_limit=64 lost=0 backlog=0\n"
RULES = "-w /etc/passwd -p wa -k identity\n-a always,exit -F arch=b64 -S mount -F key=mounts\n"


class Answers(Host):
    """A host whose auditctl answers with set texts, or fails."""

    def __init__(self, root: Path, answers: dict[tuple[str, ...], bytes | Reason]) -> None:
        super().__init__(root, now=mounted(root, {}).now)
        self.answers = answers

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        answer = self.answers[argv]
        if isinstance(answer, Reason):
            raise CouldNotLook(answer, "auditctl ended with status 4")
        return answer


def look(root: Path, status: str, rules: str) -> AuditKernel:
    host = Answers(root, {programs.AUDIT_STATUS: status.encode(), programs.AUDIT_RULES: rules.encode()})
    found, _ = audit_kernel.gather(host, ())
    assert isinstance(found, AuditKernel)
    return found


def test_a_locked_trail_is_told_with_its_rules(tmp_path: Path) -> None:
    assert look(tmp_path, STATUS, RULES) == AuditKernel("locked", 2, True, 8192, 3)


def test_the_old_form_and_no_rules_are_read(tmp_path: Path) -> None:
    assert look(tmp_path, OLD, "No rules\n") == AuditKernel("on", 0, False, 64, 0)


def test_what_says_nothing_of_the_trail_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not say whether the trail is on"):
        look(tmp_path, "failure 1\n", "")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (Reason.MALFORMED, "not-supported"),
        (Reason.NOT_INSTALLED, "not-installed"),
        (Reason.TIMED_OUT, "timed-out"),
    ],
)
def test_a_kernel_that_does_not_answer_is_unknown(raised: Reason, told: str, tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match=told):
        audit_kernel.gather(Answers(tmp_path, {programs.AUDIT_STATUS: raised}), ())


def test_a_mounted_system_has_no_running_kernel(tmp_path: Path) -> None:
    key = FactKey("audit.kernel")
    fact = gather(mounted(tmp_path, {}), [key])[key]
    assert isinstance(fact, Unavailable)
    assert fact.reason is Reason.NOT_SUPPORTED


@pytest.mark.hostile
@given(st.text(max_size=60))
@thorough
def test_any_answer_is_read_or_refused(text: str) -> None:
    audit_kernel.rules(text)
    try:
        told = audit_kernel.status(text)
    except ValueError:
        return
    assert told["enabled"] in (0, 1, 2)
