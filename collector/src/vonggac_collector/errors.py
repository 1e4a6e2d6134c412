"""The collector's errors and its one list of refusals.

Each refusal has one code: the last part of the problem type (RFC 9457) on the wire, the label of the counter
`vonggac_refused_total{reason}` and the detail of the audit row. A test compares the three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from vonggac_contract.envelope import ENVELOPE_MEDIA
from vonggac_contract.errors import ContractError

PROBLEM_TYPE: Final = "urn:vonggac:problem:"


class Problem(msgspec.Struct, frozen=True):
    """What a refusal says: HTTP status, a title that never changes, and what to do next."""

    status: int
    title: str
    hint: str


PROBLEMS: Final[dict[str, Problem]] = {
    "malformed": Problem(
        422, "The input is not what it claims to be", "Send the original bytes again; see docs/wire.md."
    ),
    "too-large": Problem(
        413, "The input is over a limit", "Send less at once; the limits are in docs/wire.md."
    ),
    "unknown-schema": Problem(
        422, "This schema or payload type is not known here", "Upgrade the older of agent and collector."
    ),
    "bad-signature": Problem(
        401, "The signature does not fit", "Check that the machine holds the key it enrolled with."
    ),
    "unknown-key": Problem(401, "No machine is enrolled with this key", "Enrol the machine with a token."),
    "key-revoked": Problem(
        403, "This key is no longer valid", "Enrol the machine again with a token for it."
    ),
    "agent-mismatch": Problem(
        403,
        "The statement speaks for another machine than its key's",
        "Send each machine's envelopes as it sealed them.",
    ),
    "agent-quarantined": Problem(
        403,
        "The machine is quarantined",
        "Two different reports came under one number: an officer decides which machine goes on (docs/forks.md).",
    ),
    "seq-fork": Problem(
        409,
        "Another report has this place in the chain",
        "A clone or a restored snapshot: an officer decides which machine goes on (docs/forks.md).",
    ),
    "kept-no-longer": Problem(
        409,
        "What had this place in the chain is no longer kept",
        "A copy of an old report. A machine that cannot go on is enrolled again with a token for it.",
    ),
    "head-mismatch": Problem(
        409,
        "The chain ends in another report here",
        "Nothing was changed. Of a restored snapshot or a clone the next report shows it, and an officer decides.",
    ),
    "epoch-mismatch": Problem(
        409, "The statement is of another epoch", "Enrol the machine again to begin an epoch."
    ),
    "too-far-ahead": Problem(
        409, "Too many reports wait for an earlier one", "Send the missing reports first."
    ),
    "content-mismatch": Problem(
        422, "A digest in the statement does not fit its content", "Upgrade the agent; it contradicts itself."
    ),
    "base-unknown": Problem(
        422, "The report that this one is told by is not here", "Send the whole report; nothing is wrong."
    ),
    "not-rebuilt": Problem(
        422,
        "What was told by what differs does not come to the report meant",
        "Send the whole report; another zlib packs otherwise.",
    ),
    "token-refused": Problem(
        401,
        "The enrolment token is not valid",
        "Ask for a new token; each has a number of uses and an expiry.",
    ),
    "enrolment-refused": Problem(
        403,
        "The machine was not let in",
        "Ask who runs the collector; with a new token the machine asks anew, with a new key.",
    ),
    "key-in-use": Problem(409, "This key is enrolled already", "Make a new key for a new enrolment."),
    "bad-box": Problem(
        422,
        "No key here opens this box",
        "Put the key it was closed for back, or export again with the present one (`media export`, `import`).",
    ),
    "media-incomplete": Problem(
        422,
        "Something of the export is not there, or not as it was written",
        "Export once more on that machine; it still has everything.",
    ),
    "wrong-method": Problem(405, "This address does not take that method", "See the API description."),
    "media-type": Problem(415, "This media type is not taken here", f"Send {ENVELOPE_MEDIA}."),
    "content-encoding": Problem(
        415,
        "Only bodies without content encoding are taken",
        "Leave Content-Encoding out; payloads are packed already.",
    ),
    "too-slow": Problem(408, "The request did not arrive in time", "Send again over a better link."),
    "headers-too-large": Problem(431, "The request's head is over a limit", "Send fewer or shorter headers."),
    "too-many-connections": Problem(503, "Too many connections", "Try again in a few seconds."),
    "throttled": Problem(429, "Too many attempts", "Wait a minute, then try again."),
    "login-refused": Problem(401, "Name and password do not fit", "Check both and try again."),
    "login-required": Problem(401, "Sign in first", "Sign in at /login."),
    "csrf": Problem(
        403, "The form is too old or from elsewhere", "Load the page again and send the form once more."
    ),
    "forbidden": Problem(403, "Your role does not allow this", "Ask an administrator of your unit."),
    "not-found": Problem(
        404, "There is no such thing here", "Check the address; you see only your own units."
    ),
    "invalid": Problem(422, "A value does not fit", "Correct the named value and send again."),
    "changed": Problem(
        409,
        "What was decided about is no longer what is there",
        "Look at it again, then decide; nothing was changed.",
    ),
    "no-rulebook": Problem(
        503,
        "Nothing is asked of machines yet",
        "Publish a rulebook: `vonggac-collector rulebook publish FILE`.",
    ),
    "policy-foreign": Problem(
        503,
        "The ledger's policy repository is not the one that this collector accepted",
        "Whoever runs the collector: `vonggac-collector ledger verify`, then `policy import` (docs/policy.md).",
    ),
    "busy": Problem(503, "The ledger is busy", "Try again in a few seconds; nothing was lost."),
    "store-failed": Problem(
        503, "The ledger's disk reports an error", "Try again later; nothing was acknowledged."
    ),
    "index-failed": Problem(
        503,
        "Search does not answer",
        "Try again in a few minutes; everything else goes on, and search catches up.",
    ),
    "internal": Problem(500, "The collector failed", "Look for the request's number in the collector's log."),
}


class CollectorError(Exception):
    """Root of the collector's errors. `code` is a key of PROBLEMS."""

    code = "internal"

    @property
    def problem(self) -> Problem:
        """What the refusal says."""
        return PROBLEMS[self.code]

    @property
    def hint(self) -> str:
        """What to do next."""
        return self.problem.hint


class Refused(CollectorError):
    """An input that is refused. `agent`: whose key it came with, if that is certain; `detail`: for this case."""

    def __init__(self, code: str, detail: str, *, agent: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.agent = agent


class NotFound(CollectorError):
    """It does not exist, or not for this caller; which of the two is not told."""

    code = "not-found"

    def __init__(self) -> None:
        super().__init__("not found")


class LoginRequired(CollectorError):
    """Nobody is signed in."""

    code = "login-required"


class Forbidden(CollectorError):
    """The caller's role does not allow it."""

    code = "forbidden"


class CsrfRefused(CollectorError):
    """The form does not carry the session's token."""

    code = "csrf"


class Invalid(CollectorError):
    """A value given by a person or a command does not fit; the message names it. `hint`: what to do in this case."""

    code = "invalid"

    def __init__(self, detail: str, *, hint: str = "") -> None:
        super().__init__(detail)
        self._hint = hint

    @property
    def hint(self) -> str:
        """What to do next."""
        return self._hint or super().hint


class Changed(CollectorError):
    """Somebody decided about what they saw, and it is another thing by now; the message names that."""

    code = "changed"


class Busy(CollectorError):
    """Another writer held the ledger too long."""

    code = "busy"


class Full(Busy):
    """As much waits as may. `turn` gives the sender one: seconds from now."""

    def __init__(self, turn: Callable[[], float]) -> None:
        super().__init__("too many envelopes wait")
        self.turn = turn


class Conflict(Busy):
    """Another writer was there first: done again, it may well succeed, or be refused for what is there now."""


class StoreFailed(CollectorError):
    """The ledger's disk or server reported an error; nothing was acknowledged."""

    code = "store-failed"


class OutcomeUnknown(StoreFailed):
    """The answer to COMMIT was lost: what was written is there, or none of it. Who asks the ledger again knows."""


class IndexFailed(CollectorError):
    """The search index does not answer, or not now. Nothing is lost: it is made from the ledger."""

    code = "index-failed"


class IndexMissing(IndexFailed):
    """Something of the search index is not there; it is rebuilt from the ledger."""


class SettingsError(CollectorError):
    """A setting that does not fit: names it, its problem and an example."""


class LedgerDamaged(CollectorError):
    """The ledger cannot be used as it is: schema too old or new, unsafe database, damaged file."""

    code = "store-failed"


class BackupDamaged(LedgerDamaged):
    """A backup that is not what was saved, or a ledger that is too damaged to be saved."""


def code_of(error: Exception) -> str:
    """The refusal's code of a contract's or collector's error."""
    code = (
        getattr(error, "code", "internal")
        if isinstance(error, ContractError | CollectorError)
        else "internal"
    )
    return code if code in PROBLEMS else "malformed"
