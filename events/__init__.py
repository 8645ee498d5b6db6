"""What happened: one append-only stream of events for each owner."""
