"""Pages of roles, grants, questions about them, and requests for more."""

from xqplatform.accounts.roles.views.asking import person_rights, who, who_csv
from xqplatform.accounts.roles.views.giving import give, take
from xqplatform.accounts.roles.views.requests import decide, policy, requests
from xqplatform.accounts.roles.views.roles import role, role_new, role_remove, roles

__all__ = [
    "decide",
    "give",
    "person_rights",
    "policy",
    "requests",
    "role",
    "role_new",
    "role_remove",
    "roles",
    "take",
    "who",
    "who_csv",
]
