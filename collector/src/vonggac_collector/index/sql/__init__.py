"""The index in SQL, for a collector without Elasticsearch: a file beside its ledger, or a schema in its PostgreSQL."""
