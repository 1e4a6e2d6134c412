"""The record: what was received, from whom, and what was concluded from it. `interface` says what it can do.

`sql` keeps it in a database, `memory` in memory for tests; `tables` and `migrations` hold the schema.
"""
