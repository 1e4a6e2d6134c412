"""The HTTP interfaces: `agent` for machines, `people` for persons and programs, `health` for monitoring."""
