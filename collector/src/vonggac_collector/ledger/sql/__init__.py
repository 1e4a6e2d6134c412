"""The ledger in a database, through SQLAlchemy Core: SQLite over apsw, or PostgreSQL."""
