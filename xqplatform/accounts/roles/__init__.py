"""Roles: sets of rights; and grants: who has which role, and where."""
