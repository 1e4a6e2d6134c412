"""Saving the collector while it serves, and bringing it back: a folder of files under one signed manifest."""
