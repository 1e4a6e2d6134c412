"""Which functions an input is to reach, and which of them ran: proof that a target does what it is there for."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

ROOMS: Final = ("vonggac_agent.facts", "vonggac_agent.formats")
"""Where what parses lives; what all of it leads to is asked of a whole round."""
DEPTH: Final = 3
"""Tables inside tables that name functions."""


def of_module(module: ModuleType) -> frozenset[CodeType]:
    """Every function and method that a module itself defines."""
    members = vars(module).values()
    return frozenset(
        function.__code__
        for member in members
        for function in functions(member)
        if function.__module__ == module.__name__
    )


def leads_to(gather: Callable[..., Any], rooms: tuple[str, ...]) -> frozenset[CodeType]:
    """The functions of `rooms` (modules, or packages) that a function may come to, itself among them, by the names in
    its code."""
    found: set[CodeType] = set()
    left = list(functions(gather))
    while left:
        function = left.pop()
        if function.__code__ in found or not function.__module__.startswith(rooms):
            continue
        found.add(function.__code__)
        names = names_in(function.__code__)
        for member in [function.__globals__.get(name) for name in names]:
            if isinstance(member, ModuleType):
                left.extend(f for name in names for f in functions(getattr(member, name, None)))
            else:
                left.extend(functions(member))
    return frozenset(found)


def functions(member: object, depth: int = DEPTH) -> Iterable[FunctionType]:
    """A function; the methods of a class; those that a table names."""
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    elif isinstance(member, property):
        member = member.fget
    if isinstance(member, FunctionType):
        whole = inspect.unwrap(member)
        if isinstance(whole, FunctionType) and whole.__code__.co_filename.endswith(".py"):
            yield whole
    elif isinstance(member, type) and member.__module__.startswith("vonggac"):
        for inner in vars(member).values():
            if not isinstance(inner, type):
                yield from functions(inner, 0)
    elif depth and isinstance(member, dict | list | tuple):
        for inner in member.values() if isinstance(member, dict) else member:
            yield from functions(inner, depth - 1)


def names_in(code: CodeType) -> set[str]:
    """Every name that the code, or code inside it, asks for."""
    inside = [names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inside)


def ran(run: Callable[[bytes], bool], inputs: Iterable[bytes]) -> tuple[int, set[CodeType]]:
    """Replay: how many inputs were taken, and all code that ran."""
    seen: set[CodeType] = set()
    sys.setprofile(lambda frame, event, _: seen.add(frame.f_code) if event == "call" else None)
    try:
        taken = sum(map(run, inputs))
    finally:
        sys.setprofile(None)
    return taken, seen
