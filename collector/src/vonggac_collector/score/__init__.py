"""From rules' outcomes to scores that add up: pure functions on values, in whole numbers, `now` passed in.

`values` says what goes in and comes out, `parameters` loads the weights (the only reading in this room), `host`
scores one host, `freshness` takes off for silence, `system` rolls up to systems, agencies and parents, `gain`
foretells a fix, `parts` adds agencies up for the units above, `coverage`, `grades`, `waivers` and `attested` say what
stands beside a score. Reading the ledger and storing scores is left to the caller. The formulas, with
examples by hand, are in docs/scoring.md.
"""
