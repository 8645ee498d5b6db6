"""Measurements of what must stay fast, each beside the least that the same work can cost here."""
