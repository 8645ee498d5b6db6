"""The management API under /api/v1: definitions, tenants, roles, overrides, history, explain."""
