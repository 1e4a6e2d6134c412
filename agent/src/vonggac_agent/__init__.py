"""Runs on a machine: plans which facts the rules need, gathers them, decides, seals, sends."""

VERSION = "0.1.0"
"""The release; tests compare it with the distribution's own."""
ONE_LOOK = 50_000
"""Containers that a process which looks once makes before cycles are searched for (CPython: after 700, again and again
while modules are imported): nearly all that a look makes stays until it ends."""
