"""Where instances go: what hosts have to give, and who gets it."""
