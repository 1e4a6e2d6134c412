"""The errors of the contract: one root, each with a stable code and a hint that says what to do next.

The code is the last part of the problem type on the wire, the label of the refusal counter and the reason in the
audit log, so that the three can be compared.
"""

from __future__ import annotations


class ContractError(Exception):
    """A value from outside that does not fit the contract. `code` is stable; `hint` is for the reader."""

    code = "contract"
    hint = "Compare the input with docs/wire.md."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class TooLarge(ContractError):
    """Over one of the bounds in `limits`."""

    code = "too-large"
    hint = "Send less at once; the limits are in docs/wire.md."


class Malformed(ContractError):
    """Not the bytes that were promised: broken encoding, truncated, duplicate keys, numbers out of range."""

    code = "malformed"
    hint = "The sender has a fault, or the bytes were damaged on the way; send the original bytes again."


class UnknownSchema(ContractError):
    """A schema version or payload type that this release does not know."""

    code = "unknown-schema"
    hint = "Upgrade the older of the two sides."


class BadSignature(ContractError):
    """No signature by the expected key over exactly these bytes."""

    code = "bad-signature"
    hint = "Check that the machine still holds the key it enrolled with."


class BadBox(ContractError):
    """A sealed box that this key does not open."""

    code = "bad-box"
    hint = "Export again with the collector's present key: `vonggac-collector media export` brings it."


class BadProof(ContractError):
    """A proof that does not prove what it says."""

    code = "bad-proof"
    hint = (
        "Ask for the proof again; if it still fails, what it is about is not in the record that was signed."
    )


class NotRebuilt(ContractError):
    """A delta that does not come to the report it means: no fault of the sender's, another zlib packs otherwise."""

    code = "not-rebuilt"
    hint = "Send the whole report."


class UnknownFact(ContractError):
    """A topic, selector or field that nobody declared."""

    code = "unknown-fact"
    hint = "See docs/reference/facts.md for every declared fact."
