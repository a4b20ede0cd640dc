"""Places that grow and shrink by themselves: policies, decisions, and what carries them out."""
