"""Who gets what from which page: one line a page. A page without a line must at least send strangers to the log-in page.

Owners of pages add lines to LINES (or to a list of their own that `extend` takes):
`Line("accounts:person", "GET", developer=200, manager=200, sre=200, args=lambda w: {"pk": w.person.pk})`.
The developer is of another team than the world's things.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class World:
    """What the lines' arguments are taken from: rows of the team «snow», and people. `more` is for the apps' own rows."""

    team: Any
    person: Any
    sre: Any
    manager: Any
    developer: Any
    token: Any
    event: Any
    invitation: Any
    robot: Any
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    name: str
    method: str
    developer: int
    manager: int
    sre: int
    args: Callable[[World], dict[str, Any]] = lambda world: {}
    data: Callable[[World], dict[str, Any]] = lambda world: {}
    anonymous: int = 302

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


# Pages that strangers may ask: name → the status they get.
PUBLIC = {
    "web:healthz": 200,
    "accounts:login": 200,
    "accounts:invitation": 404,
    "account_login": 200,
    "oidc_login": 404,
    "oidc_callback": 404,
    "exporting:metrics": 401,
    "live:stream": 401,
    "live:versions": 401,
    "web:set_language": 302,
    "builds:forge_incoming": 404,
    "builds:badge_build": 404,
    "containers:badge_version": 404,
}

# Arguments that neither 1 nor «nothing» nor a converter's first word fits: (name, argument) → value.
MADE_UP: dict[tuple[str, str], str] = {("hosts:upkeep", "kind"): "engine.restart"}

_numbers = itertools.count()
_person = lambda w: {"pk": w.person.pk}  # noqa: E731
_team = lambda w: {"pk": w.team.pk}  # noqa: E731


def _view(world: World) -> dict[str, Any]:
    """A new shared view of the audit log each time: whoever sees it may remove it."""
    from xqplatform.audit.models import SavedView

    name = f"view {next(_numbers)}"
    return {"pk": SavedView.objects.create(owner=world.sre, name=name, shared=True).pk}


LINES = [
    Line("web:home", "GET", 200, 200, 200),
    Line("web:search", "GET", 200, 200, 200),
    Line("web:sample", "POST", 403, 403, 302),
    Line("web:hits", "GET", 200, 200, 200),
    Line("accounts:account", "GET", 200, 200, 200),
    Line("accounts:account", "POST", 400, 400, 400),
    Line("accounts:password", "POST", 400, 400, 400),
    Line("accounts:theme", "POST", 204, 204, 204, data=lambda w: {"theme": "dark"}),
    Line("accounts:invitations", "GET", 403, 403, 200),
    Line("accounts:invitations", "POST", 403, 403, 400),
    Line("accounts:invitation_renew", "POST", 403, 403, 200, lambda w: {"pk": w.invitation.pk}),
    Line("accounts:invitation_withdraw", "POST", 403, 403, 302, lambda w: {"pk": w.invitation.pk}),
    Line("accounts:sudo", "POST", 403, 403, 403),
    Line("accounts:service_accounts", "GET", 200, 200, 200),
    Line("accounts:service_accounts", "POST", 403, 403, 400),
    Line("accounts:service_account", "GET", 200, 200, 200, lambda w: {"pk": w.robot.pk}),
    Line("accounts:service_account", "POST", 403, 403, 400, lambda w: {"pk": w.robot.pk}),
    Line("accounts:service_account_active", "POST", 403, 403, 302, lambda w: {"pk": w.robot.pk}),
    Line("accounts:sessions", "GET", 200, 200, 200),
    Line("accounts:sessions_end", "POST", 302, 302, 302),
    Line("accounts:session_end", "POST", 302, 302, 302, lambda w: {"key": "none"}),
    Line("accounts:person_sessions", "GET", 403, 403, 200, _person),
    Line("accounts:person_sessions_end", "POST", 403, 403, 302, _person),
    Line("accounts:person_deactivate", "POST", 403, 403, 302, _person),
    Line("accounts:person_activate", "POST", 403, 403, 302, _person),
    Line("accounts:logout", "POST", 302, 302, 302),
    # Of one's own. Without a fresh proof of who sits there they lead to where it is given.
    Line("account_logout", "POST", 302, 302, 302),
    Line("mfa_index", "GET", 200, 200, 200),
    *[
        Line(name, "POST", 302, 302, 302)
        for name in (
            "mfa_authenticate",
            "mfa_login_webauthn",
            "mfa_activate_totp",
            "mfa_add_webauthn",
            "mfa_generate_recovery_codes",
            "mfa_reauthenticate",
            "mfa_reauthenticate_webauthn",
        )
    ],
    *[Line(name, "POST", 302, 302, 302, lambda w: {"pk": 1}) for name in ("mfa_remove_webauthn", "mfa_edit_webauthn")],
    Line("account_reauthenticate", "POST", 200, 200, 200),
    Line("mfa_deactivate_totp", "POST", 404, 404, 404),
    Line("signin_rules", "GET", 200, 200, 200),
    Line("signin_rules", "POST", 403, 403, 302),
    Line("signin_unlock", "POST", 403, 403, 400),
    Line("oidc_new", "GET", 403, 403, 200),
    Line("oidc_new", "POST", 403, 403, 400),
    *[
        Line(name, "POST", 403, 403, 404, lambda w: {"slug": "none"})
        for name in ("oidc_provider", "oidc_group", "oidc_remove")
    ],
    Line("factors_reset", "POST", 403, 403, 409, _person),
    Line("accounts:settings", "GET", 200, 200, 200),
    Line("accounts:people", "GET", 200, 200, 200),
    Line("accounts:person", "GET", 200, 200, 200, _person),
    Line("accounts:person", "POST", 403, 403, 302, _person, lambda w: {"role": "developer", "active": "on"}),
    Line("accounts:person_new", "GET", 403, 403, 200),
    Line("accounts:person_new", "POST", 403, 403, 400),
    Line("accounts:person_password", "POST", 403, 403, 302, _person, lambda w: {"password": "long enough to pass"}),
    Line("accounts:teams", "GET", 200, 200, 200),
    Line("accounts:team", "GET", 200, 200, 200, _team),
    Line("accounts:team", "POST", 403, 403, 302, _team, lambda w: {"slug": "snow", "title": "Snow!"}),
    Line("accounts:team_visibility", "POST", 403, 403, 302, _team, lambda w: {"closed": "0"}),
    Line("accounts:team_new", "GET", 403, 403, 200),
    Line("accounts:team_new", "POST", 403, 403, 400),
    Line("accounts:team_remove", "POST", 403, 403, 302, _team),
    Line("accounts:tokens", "GET", 200, 200, 200),
    Line("accounts:tokens", "POST", 400, 400, 400),
    Line("accounts:token_revoke", "POST", 403, 403, 302, lambda w: {"pk": w.token.pk}),
    Line("secrets:keys", "GET", 403, 403, 200),
    Line("audit:log", "GET", 200, 200, 200),
    Line("audit:export", "GET", 200, 200, 200),
    Line("audit:newer", "GET", 200, 200, 200),
    Line("audit:views", "GET", 200, 200, 200),
    Line("audit:view_create", "POST", 302, 302, 302, data=lambda w: {"name": "mine", "query": "q=who:x"}),
    Line("audit:view_create", "POST", 403, 302, 302, data=lambda w: {"name": "all", "query": "", "shared": "1"}),
    Line(
        "audit:view_change", "POST", 404, 302, 302, _view, lambda w: {"name": f"named {next(_numbers)}", "shared": "1"}
    ),
    Line("audit:view_remove", "POST", 404, 302, 302, _view),
    Line("audit:verify", "GET", 403, 200, 200),
    Line("audit:verify", "POST", 403, 302, 302),
    Line("audit:export_lines", "GET", 403, 200, 200),
    Line("audit:export_cef", "GET", 403, 200, 200),
    Line("audit:checkpoints", "GET", 403, 200, 200),
    Line("audit:event", "GET", 404, 200, 200, lambda w: {"pk": w.event.pk}),
]

# Rows that the apps' lines need: functions that fill `world.more`.
BUILDERS: list[Callable[[World], None]] = []


def extend(lines: list[Line], builder: Callable[[World], None] | None = None) -> None:
    """Adds an app's lines, once."""
    LINES.extend(line for line in lines if line not in LINES)
    if builder is not None and builder not in BUILDERS:
        BUILDERS.append(builder)
