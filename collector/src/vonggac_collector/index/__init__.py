"""The search index: made from the ledger and never the record. One interface; embedded SQL, Elasticsearch, a twin."""
