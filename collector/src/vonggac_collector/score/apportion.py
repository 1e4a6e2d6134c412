"""Split a loss over its causes so that the parts are whole numbers and add up exactly. Who lost what is left to the
callers.
"""

from __future__ import annotations

from collections.abc import Sequence


def apportion(total: int, shares: Sequence[int]) -> list[int]:
    """`total` split in proportion to `shares`, by the method of the largest remainder (Hamilton's method).

    Each gets its part rounded down; what is left goes, one by one, to those whose remainders were largest, the
    earlier first among equals: callers pass shares in a fixed order. A share of 0 gets 0. Exact whole numbers
    throughout. Raises ValueError if something is to be split and all shares are 0.
    """
    whole = sum(shares)
    if whole == 0:
        if total:
            raise ValueError(f"{total} to split, and nothing to split it over")
        return [0] * len(shares)
    divided = [divmod(total * share, whole) for share in shares]
    parts = [part for part, _ in divided]
    left = total - sum(parts)
    if left:
        remainders = [remainder for _, remainder in divided]
        # Sorting keeps the order of equals, in reverse too: among equal remainders the earlier one comes first.
        for i in sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)[:left]:
            parts[i] += 1
    return parts
