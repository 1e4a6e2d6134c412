"""Rules: load from YAML with positions, type-check against the declared facts, prove, compile, decide, explain.

Authoring modules (`source`, `load`, `cases`, `given`, `profiles`, `pack`, `soundness`, `cli`) need PyYAML; what agent
and collector use (`rulebook`, `plan`, `evaluate`, `paragraph`, `builtin`) does not import them.
"""
