"""Who may: roles, memberships, bearer tokens and the one policy that every surface asks."""
