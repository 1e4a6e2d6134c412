"""Receives sealed reports, keeps, indexes and scores them. Knows no HTML."""
