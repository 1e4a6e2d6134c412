"""What each topic's module gives: one `gather`, entered in its subject's table."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..host import Host

Gather = Callable[[Host, tuple[str, ...]], tuple[msgspec.Struct, str]]
"""Looks at a host for one topic: (host, selector values) to (the topic's Struct, where it was read)."""
