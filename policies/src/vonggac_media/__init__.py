"""Removable media, as machines and the collector both handle them: hostile until proven otherwise."""
