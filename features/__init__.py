"""Feature definitions, their overrides at four levels, and what follows from both."""
