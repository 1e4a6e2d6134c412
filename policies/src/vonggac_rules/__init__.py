"""Rules: load from YAML with positions, type-check against the declared facts, compile, decide, explain.

Authoring modules (`source`, `load`, `cases`, `profiles`, `compile`, `cli`) need PyYAML; what agent and collector
use to decide (`rulebook`, `plan`, `evaluate`, `builtin`) does not import them.
"""
