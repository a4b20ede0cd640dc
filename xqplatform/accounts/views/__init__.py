"""Signing in, one's own account, and the settings about people."""

from xqplatform.accounts.views.account import account, password, theme
from xqplatform.accounts.views.leaving import person_activate, person_deactivate
from xqplatform.accounts.views.people import people, person, person_new, person_password
from xqplatform.accounts.views.sessions import (
    person_sessions,
    person_sessions_end,
    session_end,
    sessions,
    sessions_end,
)
from xqplatform.accounts.views.settings import settings_index
from xqplatform.accounts.views.teams import team, team_new, team_remove, teams
from xqplatform.accounts.views.tokens import token_revoke, tokens

__all__ = [
    "account",
    "password",
    "people",
    "person",
    "person_activate",
    "person_deactivate",
    "person_new",
    "person_password",
    "person_sessions",
    "person_sessions_end",
    "session_end",
    "sessions",
    "sessions_end",
    "settings_index",
    "team",
    "team_new",
    "team_remove",
    "teams",
    "theme",
    "token_revoke",
    "tokens",
]
