"""The duty of a ledger that only one worker opens: whoever asks has it."""

from __future__ import annotations


class Always:
    """See interface.Duty."""

    def held(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to give back."""
