"""A child of the service: `python -m vonggac_agent.child look|ship|ship-due [CONFIG]`. One round, then its memory goes
back. `ship-due` sends only what cannot wait for a later look.

Started by `supervisor`, which holds the lock for it and ends it when it takes too long. Logs JSON lines.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from vonggac_contract.errors import ContractError

from . import ONE_LOOK
from .errors import AGAIN, FINDINGS, GOOD, WRONG, AgentError
from .log import log


def main(argv: list[str]) -> int:
    """The exit code: 0 done, 75 something is left to do later, others as `errors` says."""
    kind = argv[0] if argv else ""
    if kind not in ("look", "ship", "ship-due"):
        log("error", "wrong-use", message="a child is asked to look or to ship")
        return WRONG
    os.umask(0o077)
    try:
        return _work(kind, Path(argv[1]) if len(argv) > 1 else None)
    except AgentError as error:
        log("error", f"{kind}-failed", kind=type(error).__name__, message=str(error), hint=error.hint)
        return error.exit_code
    except ContractError as error:
        log("error", f"{kind}-failed", kind=error.code, message=str(error), hint=error.hint)
        return WRONG
    except OSError as error:
        log("error", f"{kind}-failed", kind=type(error).__name__, message=str(error))
        return AGAIN


def _work(kind: str, config: Path | None) -> int:
    from . import rounds
    from .settings import load_settings

    settings, _ = load_settings(config)
    rounds.restrain(settings, heavy=kind == "look")
    if kind == "look":
        if rounds.only_waits(settings):
            log("info", "waits-for-approval")
            return GOOD
        gc.set_threshold(ONE_LOOK)
        log("info", "looked", **rounds.look_round(settings))
        return GOOD
    if kind == "ship-due" and not rounds.has_to_send(settings):
        return GOOD
    outcome = rounds.ship_round(settings)
    level = "warning" if outcome.trouble else "info"
    log(level, "shipped", **outcome._asdict())
    if outcome.again:
        return AGAIN
    return FINDINGS if outcome.refused else GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
