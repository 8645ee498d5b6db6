"""Who exists: the system, its instances, their organizations and users."""
