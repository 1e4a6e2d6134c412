"""Every declared fact. Importing this package fills `TOPICS`; one subject a module."""

from . import (
    access,
    files,
    network,
    packages,
    protection,
    system,
)
from .base import (
    TOPICS,
    CouldNotLook,
    Fact,
    FactKey,
    Known,
    Reason,
    Topic,
    Unavailable,
    fact_key,
)

__all__ = [
    "TOPICS",
    "CouldNotLook",
    "Fact",
    "FactKey",
    "Known",
    "Reason",
    "Topic",
    "Unavailable",
    "access",
    "fact_key",
    "files",
    "network",
    "packages",
    "protection",
    "system",
]
