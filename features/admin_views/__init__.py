"""The admin's own pages, beside those of the models."""
