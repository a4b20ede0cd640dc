"""Trains: many releases in stages, decided as one. Each car is an ordinary release, with all that one has to pass."""
