"""Runs one fixed command: no shell, bounded output, its whole process group ended at the deadline.

Which commands exist is written in the modules under `facts/`, as constants, and in the list that the machine's owner
may write (`owned`); `Host.run` finds the program of the former.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from vonggac_contract.facts import CouldNotLook, Reason

from .untrusted import as_text

if TYPE_CHECKING:
    from .owned import Account

_COMPLAINT_BYTES: Final = 4096
_END_S: Final = 2.0
"""After SIGKILL; what waits on a dead disk ends later, and nobody waits for it (faults A15)."""


class Ended(NamedTuple):
    """What became of a command: its status (or minus the signal that ended it), its output, some of its complaint."""

    status: int
    output: bytes
    complaint: bytes


def run(
    argv: tuple[str, ...],
    *,
    timeout: float,
    limit: int,
    environment: Mapping[str, str],
    given: bytes = b"",
) -> bytes:
    """Standard output of `argv`, as `ended` runs it. Raises as that does, and CouldNotLook(malformed).

    Malformed is another status than 0; the detail holds the start of its standard error.
    """
    done = ended(argv, timeout=timeout, limit=limit, environment=environment, given=given)
    if done.status != 0:
        raise CouldNotLook(
            Reason.MALFORMED, f"{argv[0]} ended with {done.status}: {as_text(done.complaint).strip()[:200]}"
        )
    return done.output


def ended(
    argv: tuple[str, ...],
    *,
    timeout: float,
    limit: int,
    environment: Mapping[str, str],
    program: int | None = None,
    account: Account | None = None,
    given: bytes = b"",
) -> Ended:
    """Run `argv` (an absolute path first) to its end. Bytes at most `limit`, seconds at most `timeout`.

    `program`: a descriptor of the file that is run, whatever has become of its path; None: that at the path. `account`:
    who runs it, without other groups; None: this process's user. `given`: its standard input, less than a pipe takes at
    once (64 KiB, pipe(7)). Raises CouldNotLook: not-installed or
    permission-denied (it did not start), timed-out, too-large.
    """
    until = time.monotonic() + timeout
    try:
        process = subprocess.Popen(
            argv,
            executable=None if program is None else f"/proc/self/fd/{program}",
            pass_fds=()
            if program is None
            else (program,),  # whoever interprets a script opens it by this name
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else (),
        )
    except FileNotFoundError:
        raise CouldNotLook(Reason.NOT_INSTALLED, f"{argv[0]} is not installed") from None
    except OSError as error:
        raise CouldNotLook(Reason.PERMISSION_DENIED, f"{argv[0]} did not start: {error.strerror}") from None
    except subprocess.SubprocessError as error:
        raise CouldNotLook(Reason.PERMISSION_DENIED, f"{argv[0]} did not start: {error}") from None
    try:
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(given)
        output, complaint = _listen(process, argv[0], until, limit)
        status = process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise CouldNotLook(Reason.TIMED_OUT, f"{argv[0]} took longer than {timeout:g} s") from None
    finally:
        _end(process)
    return Ended(status, output, complaint)


def _listen(process: subprocess.Popen[bytes], name: str, until: float, limit: int) -> tuple[bytes, bytes]:
    if process.stdout is None or process.stderr is None:
        raise ValueError(f"{name} was started without pipes")
    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(process.stderr, selectors.EVENT_READ, complaint)
        while selector.get_map():
            left = until - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready and until <= time.monotonic():
                raise subprocess.TimeoutExpired(name, 0)
            for key, _ in ready:
                chunk = os.read(key.fd, 65_536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output:
                    output += chunk
                    if len(output) > limit:
                        raise CouldNotLook(Reason.TOO_LARGE, f"{name} wrote over {limit} bytes")
                elif len(complaint) < _COMPLAINT_BYTES:
                    complaint += chunk[:_COMPLAINT_BYTES]
    return bytes(output), bytes(complaint)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process group (a child may outlive its parent) and give its pipes back."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
