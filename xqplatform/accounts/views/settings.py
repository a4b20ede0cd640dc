"""The way to everything that is set up once."""

from __future__ import annotations

from typing import TypeAlias

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import can

# Pages that not everybody may open.
NEEDS = {"/settings/secrets/": "secrets.manage"}

Card: TypeAlias = tuple[str, str, str, str]  # address, icon, title, what for


def _people() -> list[Card]:
    return [
        ("/settings/people/", "users", _("People"), _("Who may sign in, their role, and where they may deploy.")),
        ("/settings/teams/", "users-group", _("Teams"), _("Who owns which services.")),
        (
            "/settings/roles/",
            "shield-check",
            _("Roles"),
            _("Which rights there are, own roles, and who has them where."),
        ),
        ("/settings/access/", "search", _("Who can"), _("Who can do what, where, and why; requests for more.")),
        (
            "/settings/signing-in/",
            "fingerprint",
            _("Signing in"),
            _("Who needs a second factor, and who is locked out."),
        ),
        (
            "/settings/service-accounts/",
            "robot",
            _("Service accounts"),
            _("Programs that act by themselves, of a team."),
        ),
        (
            "/settings/tokens/",
            "key",
            _("API tokens"),
            _("For scripts and CI: made once, shown once, revoked any time."),
        ),
        ("/secrets/", "lock", _("Secrets"), _("Of a team and of the company: who set them when, and what uses them.")),
        ("/settings/secrets/", "lock", _("Stored secrets"), _("Under which keys they are, and how far a rotation is.")),
    ]


def _releases() -> list[Card]:
    return [
        (
            "/settings/environments/",
            "layout-grid",
            _("Environments"),
            _("Branch rules, host groups, networks, repair."),
        ),
        (
            "/settings/guardrails/",
            "shield-lock",
            _("Guardrails"),
            _("What a release must have behind it, and when none begins."),
        ),
        (
            "/settings/gates/",
            "gauge",
            _("Gates"),
            _("What is measured after each batch of a release, and what that means."),
        ),
        ("/settings/calendars/", "calendar-time", _("Calendars"), _("When markets and offices are open.")),
        (
            "/settings/notices/",
            "send",
            _("Who hears of releases"),
            _("Channels and teams that are told of releases and builds."),
        ),
        ("/settings/registries/", "package", _("Registries"), _("Where images lie, and whether they answer.")),
        ("/settings/stores/", "database", _("Stores of backups"), _("Where backups lie, and the keys that open them.")),
    ]


def _machines() -> list[Card]:
    return [
        ("/hosts/groups/", "building", _("Host groups"), _("Rooms and clouds where hosts stand.")),
        ("/network/", "network", _("Network"), _("Segments and the pools of fixed addresses.")),
        ("/settings/fronts/", "arrows-exchange", _("nginx fronts"), _("Where instances are taken out of traffic.")),
        (
            "/settings/certificates/",
            "certificate",
            _("Certificates"),
            _("The platform's authority, and when what ends."),
        ),
    ]


def _own() -> list[Card]:
    return [("/account/", "user", _("My account"), _("Language, time zone, look, password."))]


@require_GET
def settings_index(request: ActorRequest) -> HttpResponse:
    groups = [
        (_("People and access"), _people()),
        (_("Builds and releases"), _releases()),
        (_("Machines and networks"), _machines()),
        (_("Yourself"), _own()),
    ]
    shown = [(title, [card for card in cards if _may(request, card[0])]) for title, cards in groups]
    return render(request, "accounts/settings.html", {"groups": shown})


def _may(request: ActorRequest, address: str) -> bool:
    return address not in NEEDS or can(request.actor, NEEDS[address])
