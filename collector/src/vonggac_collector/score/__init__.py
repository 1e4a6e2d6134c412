"""The score: ledger rows in, scores and their deductions out. Pure; reads no store and no clock."""
