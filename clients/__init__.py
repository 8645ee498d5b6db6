"""API clients: programs that sign in with an id and a secret, and what each may do."""
