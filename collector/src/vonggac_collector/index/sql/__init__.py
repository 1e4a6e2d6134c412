"""The index in SQL, for a collector without Elasticsearch: a database of its own beside the ledger's."""
