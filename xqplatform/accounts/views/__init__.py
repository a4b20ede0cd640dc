"""Signing in, one's own account, and the settings about people."""

from xqplatform.accounts.views.account import account, password, theme
from xqplatform.accounts.views.invitations import (
    invitation,
    invitation_renew,
    invitation_withdraw,
    invitations,
)
from xqplatform.accounts.views.leaving import person_activate, person_deactivate
from xqplatform.accounts.views.people import people, person, person_new, person_password
from xqplatform.accounts.views.service_accounts import (
    service_account,
    service_account_active,
    service_accounts,
)
from xqplatform.accounts.views.sessions import (
    person_sessions,
    person_sessions_end,
    session_end,
    sessions,
    sessions_end,
)
from xqplatform.accounts.views.settings import settings_index
from xqplatform.accounts.views.sudo import sudo_confirm, sudo_done
from xqplatform.accounts.views.teams import team, team_new, team_remove, team_visibility, teams
from xqplatform.accounts.views.tokens import token_revoke, tokens

__all__ = [
    "account",
    "invitation",
    "invitation_renew",
    "invitation_withdraw",
    "invitations",
    "password",
    "people",
    "person",
    "person_activate",
    "person_deactivate",
    "person_new",
    "person_password",
    "person_sessions",
    "person_sessions_end",
    "service_account",
    "service_account_active",
    "service_accounts",
    "session_end",
    "sessions",
    "sessions_end",
    "settings_index",
    "sudo_confirm",
    "sudo_done",
    "team",
    "team_new",
    "team_remove",
    "team_visibility",
    "teams",
    "theme",
    "token_revoke",
    "tokens",
]
