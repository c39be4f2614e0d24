"""Measurements: ``python -m bench`` (``make bench``) prints one table; nothing here is a test."""
