"""What comes from agents: verify, deduplicate, commit, acknowledge. HTTP is left to `api`, storing to `ledger`."""
