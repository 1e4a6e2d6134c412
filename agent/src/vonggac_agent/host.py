"""The machine that is looked at: bounded, read-only access to its files and to a few fixed programs.

Every path is meant inside the root (`/`, or a mounted root given by `--root`): links are followed inside it and never
lead out. What the bytes mean is the work of the modules under `facts/`; which facts are wanted, of `plan`.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import stat as stat_bits
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.report import CommandRun

from .notes import Notes
from .untrusted import as_text

T = TypeVar("T")

MAX_LINKS: Final = 40
"""Links followed for one path: the kernel's own bound, path_resolution(7)."""
PROGRAM_DIRS: Final = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where `Host.run` looks for a program, in this order; the caller's PATH is never asked."""
RUN_ENVIRONMENT: Final = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
CAGED: Final = "VONGGAC_CAGED"
"""Set in the environment by the service's unit, whose own /tmp, /dev, /home and /proc are not the machine's."""
MACHINE: Final = "/proc/1/root/."
"""The root as the first process sees it (proc_pid_root(5)); the dot, because the name itself is a link."""
_KERNELS: Final = ("proc", "sys")
_CHUNK: Final = 256 * limits.KIB


def is_caged() -> bool:
    """Whether this process was started by the service's unit (`CAGED`)."""
    return CAGED in os.environ


class Host:
    """One machine at one moment. `now` is UTC; `live` is true for the running system, false for a mounted root."""

    def __init__(
        self, root: Path = Path("/"), *, now: datetime, notes: Notes | None = None, caged: bool = False
    ) -> None:
        """`caged`: this process sees another file system than the machine (`CAGED`), and looks through `MACHINE`.

        Programs are then run, and the kernel asked, by the service's helper (`asking`).
        """
        self.root = Path(os.path.realpath(root))
        self.live = self.root == Path("/")
        self.caged = caged and self.live
        self.prefix = MACHINE if self.caged else "" if self.live else os.fspath(self.root)
        """What stands before an absolute path inside the root when it is opened."""
        self.now = now
        self.deadline: float | None = None
        """`time.monotonic()` after which nothing more is read for the fact at hand; set by `facts.gather`."""
        self.notes = notes
        """Where a long look leaves where it is, to go on in the next one; None for a look by hand."""
        self.commands: list[CommandRun] = []
        """What was run of the owner's list of commands, for the report."""
        self._once: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The result of `make()`, worked out once per host, for what several facts share. `name` is the maker's own.

        A CouldNotLook is remembered too and raised again, and so is a parser's ValueError (as malformed): what failed
        slowly once must not fail slowly for each of forty facts.
        """
        if name not in self._once:
            try:
                self._once[name] = make()
            except CouldNotLook as error:
                self._once[name] = error
            except ValueError as error:
                self._once[name] = CouldNotLook(Reason.MALFORMED, str(error))
        found = self._once[name]
        if isinstance(found, CouldNotLook):
            raise CouldNotLook(found.reason, found.detail)
        return found  # type: ignore[no-any-return]

    def read(self, path: str | Path, limit: int = limits.MAX_FILE_BYTES) -> bytes | None:
        """The bytes of a regular file, None if it is absent.

        Raises CouldNotLook: permission-denied; too-large (over `limit` bytes); malformed (no regular file, a loop of
        links, an input or output error); timed-out.
        """
        fd = self._open(path)
        if fd is None:
            return None
        try:
            chunks: list[bytes] = []
            got = 0
            while got <= limit and (chunk := os.read(fd, min(_CHUNK, limit + 1 - got))):
                chunks.append(chunk)
                got += len(chunk)
        except OSError as error:
            if error.errno == errno.ESRCH:  # a process that ended while its entry in /proc was read
                return None
            raise _could_not(error, path) from None
        finally:
            os.close(fd)
        if got > limit:
            raise CouldNotLook(Reason.TOO_LARGE, f"{_shown(path)} is over {limit} bytes")
        return b"".join(chunks)

    def open(self, path: str | Path) -> BinaryIO | None:
        """A regular file to read in parts, None if it is absent. Close it. Raises as `read` does."""
        fd = self._open(path)
        return None if fd is None else os.fdopen(fd, "rb", buffering=0)

    def text(self, path: str | Path, limit: int = limits.MAX_FILE_BYTES) -> str | None:
        r"""The file as text, with bytes that are not UTF-8 as `\xNN` (`untrusted.as_text`); None if absent."""
        raw = self.read(path, limit)
        return None if raw is None else as_text(raw)

    def public_text(self, path: str | Path, limit: int = limits.MAX_FILE_BYTES) -> str | None:
        """As `text`, of a file that every user of the machine may read; for topics whose path a rule chooses.

        So no rule, whoever wrote it, can ask for password hashes or keys. Raises CouldNotLook(permission-denied) for a
        file that is not readable by others.
        """
        status = self.stat(path)
        if (
            status is not None
            and stat_bits.S_ISREG(status.st_mode)
            and not status.st_mode & stat_bits.S_IROTH
        ):
            raise CouldNotLook(
                Reason.PERMISSION_DENIED, f"{_shown(path)} is not for everybody to read: it may hold secrets"
            )
        return self.text(path, limit)

    def lines(self, path: str | Path, limit: int = limits.MAX_FILE_BYTES) -> list[str]:
        """The file's lines, split at line feeds only, a carriage return at the end dropped; [] if absent."""
        text = self.text(path, limit)
        if not text:
            return []
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        return [line.removesuffix("\r") for line in lines]

    def names(self, directory: str | Path, limit: int = 10_000) -> list[str]:
        """Names in a directory, sorted, as `os.listdir` decodes them; [] if there is no such directory.

        Raises CouldNotLook: permission-denied; too-large (over `limit` names); malformed.
        """
        found: list[str] = []
        try:
            with os.scandir(self._target(directory)) as entries:
                for entry in entries:
                    found.append(entry.name)
                    if len(found) > limit:
                        raise CouldNotLook(Reason.TOO_LARGE, f"{_shown(directory)} has over {limit} names")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _could_not(error, directory) from None
        return sorted(found)

    def glob(self, pattern: str, limit: int = 1_000) -> list[str]:
        """Paths that match `pattern` (glob(7), wildcards in any part), sorted.

        A name that begins with a dot matches only a part that does. Without a wildcard the pattern itself is given,
        whether or not it is there.

        Raises CouldNotLook: too-large (over `limit` paths), and as `names` does.
        """
        found = [""]
        for part in pattern.strip("/").split("/"):
            if not set(part) & set("*?["):
                found = [f"{folder}/{part}" for folder in found]
                continue
            hidden = part.startswith(".")
            found = [
                f"{folder}/{name}"
                for folder in found
                for name in self.names(folder or "/")
                if fnmatch.fnmatchcase(name, part) and (hidden or not name.startswith("."))
            ]
            if len(found) > limit:
                raise CouldNotLook(Reason.TOO_LARGE, f"{_shown(pattern)} matches over {limit} paths")
        wild = set(pattern) & set("*?[")
        return [path for path in found if self.lstat(path) is not None] if wild else found

    def stat(self, path: str | Path) -> os.stat_result | None:
        """stat(2) with links followed inside the root; None if absent or if the link leads nowhere."""
        return self._status(self._target(path), path)

    def lstat(self, path: str | Path) -> os.stat_result | None:
        """lstat(2): the last part of the path is not followed; None if absent."""
        return self._status(self._target(path, follow=False), path, follow=False)

    def exists(self, path: str | Path) -> bool:
        """Something is at `path`, links followed inside the root."""
        return self.stat(path) is not None

    def readlink(self, path: str | Path) -> str | None:
        """The link's target as written; None if `path` is absent or no link."""
        try:
            return os.readlink(self._target(path, follow=False))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EINVAL):
                return None
            raise _could_not(error, path) from None

    def resolve(self, path: str | Path) -> Path:
        """Where `path` really is, as a path of this machine (below `root`); parts that are absent stay as written.

        An absolute link target counts from the root and `..` never leaves it. Raises CouldNotLook(malformed) after
        `MAX_LINKS` links.
        """
        return Path(self._walk(path, follow=True))

    def inside(self, path: str | Path) -> str:
        """Where `path` really is, as an absolute path inside the root. Raises as `resolve`."""
        return self._walk(path, follow=True)[len(self.prefix) :] or "/"

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        """Standard output of a fixed command, of at most `limit` bytes, within `timeout` seconds.

        `argv[0]` is a program's bare name, looked for in PROGRAM_DIRS, or its absolute path; the rest is passed on
        without a shell. Raises CouldNotLook: not-supported (a mounted root); not-installed; timed-out; too-large;
        malformed (it ended with another status than 0).
        """
        self.in_time()
        if not self.live:
            raise CouldNotLook(
                Reason.NOT_SUPPORTED, f"{argv[0]} would answer for another system than this root"
            )
        program = _program(argv[0])
        if program is None:
            raise CouldNotLook(Reason.NOT_INSTALLED, f"{argv[0]} is not installed")
        if self.caged:
            from . import asking

            return asking.ask_helper(argv, timeout=timeout, limit=limit)
        from . import command  # 10 ms of imports that most looks never need

        return command.run((program, *argv[1:]), timeout=timeout, limit=limit, environment=RUN_ENVIRONMENT)

    def told(self, ask: Callable[[], T]) -> T:
        """What `ask()` is told by the kernel, asked once per host; by the helper if this process may not ask.

        `ask` is one of `answers.FUNCTIONS` and gives what JSON can hold. Raises CouldNotLook, and as `ask` does.
        """
        if not self.caged:
            return ask()
        from . import asking

        return self.once(f"told {asking.name_of(ask)}", lambda: asking.told(ask))

    def in_time(self) -> None:
        """Raise CouldNotLook(timed-out) once `deadline` has passed; for loops that read in parts."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise CouldNotLook(Reason.TIMED_OUT, "the time for this fact was used up")

    def _target(self, path: str | Path, *, follow: bool = True) -> str:
        self.in_time()
        inside = os.fspath(path).lstrip("/")
        # The kernel's own walk is exact here, also for the links of /proc that have no text. From a cage it would
        # follow an absolute link to the cage's own place of that name; in /proc and /sys there are no such links.
        if self.live and (not self.caged or inside.partition("/")[0] in _KERNELS):
            return f"{self.prefix}/{inside}"
        return self._walk(path, follow=follow)

    def _walk(self, path: str | Path, *, follow: bool) -> str:
        pending = [part for part in reversed(os.fspath(path).split("/")) if part not in ("", ".")]
        done: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del done[-1:]
                continue
            done.append(part)
            if not pending and not follow:
                break
            try:
                link = os.readlink("/".join((self.prefix, *done)))
            except OSError:  # no link, or not there: the call that follows will say which
                continue
            links += 1
            if links > MAX_LINKS:
                raise CouldNotLook(
                    Reason.MALFORMED, f"{_shown(path)} goes through more than {MAX_LINKS} links"
                )
            done = [] if link.startswith("/") else done[:-1]
            pending.extend(part for part in reversed(link.split("/")) if part not in ("", "."))
        return "/".join((self.prefix, *done)) or "/"

    def _open(self, path: str | Path) -> int | None:
        target = self._target(path)
        status = self._status(target, path)
        if status is None:
            return None
        # Asked before opening, because opening a device can already act (a watchdog, a tape).
        _must_be_regular(status, path)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if self.live else os.O_NOFOLLOW)
        try:
            fd = os.open(target, flags)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _could_not(error, path) from None
        try:
            _must_be_regular(os.fstat(fd), path)
            if not self.live and not os.readlink(f"/proc/self/fd/{fd}").startswith(self.prefix + "/"):
                raise CouldNotLook(
                    Reason.MALFORMED, f"{_shown(path)} was moved out of the root while it was opened"
                )
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _status(self, target: str, path: str | Path, *, follow: bool = True) -> os.stat_result | None:
        try:
            # In a mounted root the walk has followed the links; what the kernel would follow is one made since.
            return os.stat(target, follow_symlinks=follow and self.live)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _could_not(error, path) from None


def _must_be_regular(status: os.stat_result, path: str | Path) -> None:
    if not stat_bits.S_ISREG(status.st_mode):
        raise CouldNotLook(Reason.MALFORMED, f"{_shown(path)} is not a regular file")


def _program(name: str) -> str | None:
    candidates = (name,) if name.startswith("/") else tuple(f"{folder}/{name}" for folder in PROGRAM_DIRS)
    return next((c for c in candidates if os.access(c, os.X_OK) and os.path.isfile(c)), None)


def _could_not(error: OSError, path: str | Path) -> CouldNotLook:
    denied = error.errno in (errno.EACCES, errno.EPERM)
    reason = Reason.PERMISSION_DENIED if denied else Reason.MALFORMED
    return CouldNotLook(reason, f"{_shown(path)}: {error.strerror}")


def _shown(path: str | Path) -> str:
    return as_text(os.fspath(path))
