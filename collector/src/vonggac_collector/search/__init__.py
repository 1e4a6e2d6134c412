"""What people may search for: the query as a value, and the fields it may name. Knows no index and no page."""
