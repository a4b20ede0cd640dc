"""Terminals into instances, their recordings, and one-off commands.

Pure: `cast` (asciicast), `ring` (what a page has to catch up), `limits`, `tickets`. Edge: `session` (one open terminal), `socket` (the
browser's end). `services` has the verbs of terminals, `commands` those of one-off commands.
"""
