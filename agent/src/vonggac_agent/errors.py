"""The agent's own errors: one root, each with the exit code of the program and a hint that says what to do next.

What is wrong with values from outside is said by `vonggac_contract.errors`; why a fact is missing, by `CouldNotLook`.
"""

from __future__ import annotations

from typing import Any, Final

from .messages import Said

GOOD: Final = 0
FINDINGS: Final = 1
"""Findings at or above `--fail-on`, or something was refused."""
WRONG: Final = 2
"""Wrong use, or an environment that does not allow the work."""
AGAIN: Final = 75
"""EX_TEMPFAIL of sysexits.h: nothing is wrong that waiting would not mend."""
UNSAFE: Final = 78
"""EX_CONFIG of sysexits.h: something on this machine must be put right by hand; starting again is no use."""


class AgentError(Exception):
    """What stops a command. `hint` is for the reader; `exit_code` is the program's.

    `message` and `hint` may hold placeholders for `values`; both are sentences of `messages`, so that a person is told
    in his language and everything else reads English.
    """

    exit_code = WRONG
    hint = "See `vonggac-agent --help`."

    def __init__(self, message: str, *, hint: str | None = None, **values: Any) -> None:
        self.said = Said(message, **values)
        super().__init__(self.said)
        if hint is not None:
            self.hint = Said(hint, **values)


class WrongSetting(AgentError):
    """A setting whose value does not fit."""

    exit_code = UNSAFE
    hint = "See `vonggac-agent settings` for every setting with its value and source."


class WrongList(AgentError):
    """The owner's list of commands does not fit, so none of it is run."""

    exit_code = UNSAFE
    hint = "See docs/rules.md, Commands that the machine's owner allows."


class UnsafePath(AgentError):
    """A file, or a folder above it, that somebody else could change or put in another's place."""

    exit_code = UNSAFE
    hint = "Give it to the user the agent runs as, take away what others may do there, and start again."


class NotEnrolled(AgentError):
    """The command needs an identity, and this machine has none yet."""

    hint = "Enrol first: vonggac-agent enrol --collector https://HOST --token-file FILE --ca FILE"


class AlreadyRunning(AgentError):
    """Another process works on the same state folder."""

    exit_code = AGAIN
    hint = "Wait until it has finished, or stop the service: systemctl stop vonggac-agent"


class NewerState(AgentError):
    """The state folder was written by a newer release."""

    exit_code = UNSAFE
    hint = "Install the newer release again; nothing in the state folder was changed."


class StateDamaged(AgentError):
    """Something in the state folder is not what the agent wrote."""

    exit_code = UNSAFE
    hint = "Keep a copy of the state folder, then enrol again: vonggac-agent enrol … --again"


class CannotSeal(AgentError):
    """systemd-creds did not seal the key, or did not open it again."""

    exit_code = UNSAFE
    hint = "It needs systemd 250 or newer, and root. What another machine or TPM sealed is lost: enrol again."


class AwaitsApproval(AgentError):
    """The collector lets this machine in once somebody approves it."""

    exit_code = AGAIN
    hint = (
        "Read this to who approves it, then: vonggac-agent service install; the service asks again by itself."
    )


class SpoolFull(AgentError):
    """The spool's size limit, or the disk, leaves no room for another sealed report."""

    exit_code = AGAIN
    hint = "Nothing unsent is deleted. Free disk space, raise spool_bytes, or bring the collector back."


class SpoolFailing(AgentError):
    """The disk reported an error while the spool was written, and again after it was opened anew."""

    exit_code = AGAIN
    hint = "Check the disk below the state folder (dmesg, smartctl)."


class Unreachable(AgentError):
    """No whole answer from the collector: refused, reset, timed out, or TLS failed."""

    exit_code = AGAIN
    hint = (
        "Check the address, the network and the collector's certificate "
        "(for an authority of your own: `enrol --ca FILE`); a running service tries again by itself."
    )


class BadAnswer(AgentError):
    """The collector, or something in its place, answered what the contract does not allow."""

    exit_code = AGAIN
    hint = "Is something between here and the collector answering in its place (a proxy, a login page)?"


class Refused(AgentError):
    """The collector said no, and why."""

    exit_code = FINDINGS
    hint = "Ask who runs the collector."
