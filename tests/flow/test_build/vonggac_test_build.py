"""Its presence on the path is what makes a test build: `vonggac_agent.failpoints` looks for it and for nothing in it."""
