"""Runs on a machine: plans which facts the rules need, gathers them, decides, seals, sends."""
