"""The chain over the audit log: what an event's canonical form is, how events are linked, and how all of it is verified.

`canonical`, `keys`, `judge` and `files` know neither Django nor a database: they work on any machine.
"""
