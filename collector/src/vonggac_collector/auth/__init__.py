"""Who somebody is and what they may see and do. `caller` and `scope` are pure; `web` ties them to requests."""

from .caller import Caller, Role

__all__ = ["Caller", "Role"]
