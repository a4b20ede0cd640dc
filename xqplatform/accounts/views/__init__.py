"""Signing in, one's own account, and the settings about people."""

from xqplatform.accounts.views.account import account, password, theme
from xqplatform.accounts.views.people import people, person, person_new, person_password
from xqplatform.accounts.views.session import Login, logout
from xqplatform.accounts.views.settings import settings_index
from xqplatform.accounts.views.teams import team, team_new, team_remove, team_visibility, teams
from xqplatform.accounts.views.tokens import token_revoke, tokens

__all__ = [
    "Login",
    "account",
    "logout",
    "password",
    "people",
    "person",
    "person_new",
    "person_password",
    "settings_index",
    "team",
    "team_new",
    "team_remove",
    "team_visibility",
    "teams",
    "theme",
    "token_revoke",
    "tokens",
]
