"""Rules: loaded, type-checked, evaluated, explained and compiled. Reads no machine; facts come in as values."""
