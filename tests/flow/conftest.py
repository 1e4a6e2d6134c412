"""Services that several rooms of the flow lane share, each started once."""

from tests.services.elasticsearch import elasticsearch
from tests.services.postgres import postgres

__all__ = ["elasticsearch", "postgres"]
