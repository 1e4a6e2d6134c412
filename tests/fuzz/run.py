"""`python -m tests.fuzz.run TARGET [libFuzzer options] [FOLDER]`: fuzz one target in this process, by coverage."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import atheris

with atheris.instrument_imports(
    include=["vonggac_agent", "vonggac_collector", "vonggac_contract", "vonggac_rules"]
):
    from tests.fuzz.targets import TARGETS


class ActedOnInput(BaseException):
    """A target started a program, opened a connection or wrote a file: input never may."""


FORBIDDEN = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "pty.spawn",
)


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """As sys.addaudithook: stops what acts on the world."""
    if event in FORBIDDEN or (event == "open" and any(mark in str(arguments[1]) for mark in "wax+")):
        refuse(event, arguments)


def refuse(event: str, arguments: tuple[Any, ...]) -> NoReturn:
    raise ActedOnInput(f"{event} {arguments!r}")


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        hooked[0] = True
        try:
            target.run(data)
        finally:
            hooked[0] = False

    hooked = [False]
    sys.addaudithook(lambda event, arguments: hook(event, arguments) if hooked[0] else None)
    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
