"""Its presence on the path makes a test build: `vonggac_agent.failpoints` looks for it, and for nothing in it."""
