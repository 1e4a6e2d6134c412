"""Backup jobs: what runs them, when, whether encrypted."""
