"""What people look at. Reads through the collector's queries and decides nothing itself."""
