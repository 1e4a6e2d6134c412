"""Runs on a machine: plans which facts the rules need, gathers them, decides, seals, sends."""

VERSION = "0.1.0"
"""The release; tests compare it with the distribution's own."""
