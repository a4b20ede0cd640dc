"""The verbs of this app, each in the file of its noun."""
