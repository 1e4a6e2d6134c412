"""The resident part of the service: a timer that starts a child for each look and each sending, and ends what hangs.

Imports almost nothing, so that what stays in memory between looks is little more than the interpreter. Started by
`vonggac-agent run`, which has checked settings and state folder, by exec with one JSON argument; what the children do
is in `child`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from .errors import AGAIN, GOOD, AgentError
from .lock import LOCK_FD, take_lock
from .log import log
from .notify import notify

WAKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
NEVER = float("inf")
PULSE_S = 30.0
"""Between two signs of life to systemd's watchdog (WatchdogSec= in the unit is four times this)."""
GRACE_S = 4.0
"""Between SIGTERM and SIGKILL to a child's process group; twice this is less than the ten seconds a stop may take."""
RETRY_BASE_S = 30.0


def chance() -> float:
    """A number in [0, 1), without the memory of the `random` module."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def clock() -> float:
    """Seconds of a clock that cannot be set and goes on while the machine sleeps (CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def next_look_in(interval: float, luck: float) -> float:
    """Seconds to the next look: the interval give or take a tenth, so that machines do not march in step."""
    return interval * (0.9 + 0.2 * luck)


def retry_in(failures: int, interval: float, luck: float) -> float:
    """Seconds until sending is tried again: full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015)
    below a ceiling that doubles with each failure in a row, up to the interval.

    So machines that an outage cut off together come back spread over one interval, and all of them within it.
    """
    return luck * min(interval, RETRY_BASE_S * 2.0 ** min(failures, 20))


class Child:
    """One running child and its process group."""

    def __init__(self, kind: str, argv: list[str], limit: float) -> None:
        self.kind = kind
        self.ends_at = clock() + limit
        self.told = False
        self.pid = os.posix_spawn(argv[0], argv, os.environ, setpgroup=0, setsigmask=[], setsigdef=WAKING)

    def end(self, how: signal.Signals) -> None:
        """Signal the whole group."""
        try:
            os.killpg(self.pid, how)
        except ProcessLookupError:
            return

    def exit_code(self) -> int | None:
        """Its exit code once it has ended (minus the signal that ended it), else None. Its group ends with it."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.end(signal.SIGKILL)  # before the child is reaped, so that its group's number is still its own
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Supervisor:
    """The loop. `options`: what `vonggac-agent run` wrote."""

    def __init__(self, options: dict[str, str | float]) -> None:
        self._interval = float(options["interval_s"])
        ship_s = float(options["ship_timeout_s"])
        self._limits = {"look": float(options["look_timeout_s"]), "ship": ship_s, "ship-due": ship_s}
        self._config = str(options["config"])
        self._child: Child | None = None
        self._look_at = clock() + float(options["start_spread_s"]) * chance()
        self._ship_at = NEVER
        self._asked = True
        """By its start or SIGHUP: the next sending does not leave out what could wait."""
        self._failures = 0
        self._pulse_at = 0.0

    def run(self) -> int:
        """Until SIGTERM or SIGINT. Returns the exit code."""
        while True:
            self._start_what_is_due()
            until = min(self._pulse_at, *self._dues())
            woken = signal.sigtimedwait(WAKING, max(0.0, min(PULSE_S, until - clock())))
            if woken is not None and woken.si_signo in (signal.SIGTERM, signal.SIGINT):
                self._stop()
                return GOOD
            if woken is not None and woken.si_signo == signal.SIGHUP:
                self._look_at = clock()
                self._asked = True
            if clock() >= self._pulse_at:
                notify("WATCHDOG=1")
                self._pulse_at = clock() + PULSE_S
            self._watch_child()

    def _dues(self) -> tuple[float, ...]:
        return (self._child.ends_at,) if self._child is not None else (self._look_at, self._ship_at)

    def _start_what_is_due(self) -> None:
        if self._child is not None:
            return
        if clock() >= self._look_at:
            self._look_at = clock() + next_look_in(self._interval, chance())
            self._start("look")
        elif clock() >= self._ship_at:
            self._ship_at = NEVER
            self._start("ship" if self._asked or self._failures else "ship-due")
            self._asked = False

    def _start(self, kind: str) -> None:
        argv = [sys.executable, "-I", "-m", "vonggac_agent.child", kind]
        if self._config:
            argv.append(self._config)
        try:
            self._child = Child(kind, argv, self._limits[kind])
        except OSError as error:  # no memory or too many processes for now: the timer goes on
            log("error", "child-not-started", kind=kind, message=str(error))
            self._ship_at = clock() + retry_in(self._failures, self._interval, chance())

    def _watch_child(self) -> None:
        child = self._child
        if child is None:
            return
        code = child.exit_code()
        if code is not None:
            self._child = None
            self._after(child.kind, code)
        elif clock() >= child.ends_at:
            log("error", "child-took-too-long", kind=child.kind, limit_s=self._limits[child.kind])
            child.end(signal.SIGKILL if child.told else signal.SIGTERM)
            child.told = True
            child.ends_at = clock() + GRACE_S

    def _after(self, kind: str, code: int) -> None:
        if code not in (GOOD, AGAIN):
            log("warning", "child-ended", kind=kind, code=code)
        notify(f"STATUS={kind} ended with {code}")
        if kind == "look":
            self._asked |= (
                code != GOOD
            )  # looks that fail are counted by nothing, and what is asked for must not wait
            self._ship_at = clock()
            return
        self._failures = self._failures + 1 if code in (AGAIN, -signal.SIGTERM, -signal.SIGKILL) else 0
        self._ship_at = (
            clock() + retry_in(self._failures, self._interval, chance()) if self._failures else NEVER
        )

    def _stop(self) -> None:
        notify("STOPPING=1")
        child = self._child
        if child is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            child.end(how)
            until = clock() + GRACE_S
            while clock() < until:
                if child.exit_code() is not None:
                    return
                signal.sigtimedwait([signal.SIGCHLD], 0.2)


def main(argv: list[str]) -> int:
    """Take the lock, say that the service is ready, run the loop."""
    options = json.loads(argv[0])
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKING)
    try:
        lock = take_lock(str(options["state_dir"]))
    except AgentError as error:
        log("error", "not-started", message=str(error), hint=error.hint)
        return error.exit_code
    os.set_inheritable(lock.fd, True)
    os.environ[LOCK_FD] = str(lock.fd)
    log("info", "started", interval_s=options["interval_s"])
    notify("READY=1\nSTATUS=waiting for the first look")
    code = Supervisor(options).run()
    log("info", "stopped")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
