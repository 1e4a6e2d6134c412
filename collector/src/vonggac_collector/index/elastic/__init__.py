"""The index in Elasticsearch 8 or 9. Uses only what every licence has: no scripts, lifecycle policies, reindex or
update by query, ingest pipelines; so it also runs on the server without optional modules.
"""
