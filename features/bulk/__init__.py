"""Changing many owners at once: rows in, a plan of what changes, applied by set-based SQL."""
