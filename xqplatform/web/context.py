"""What every page's frame needs: the side bar, the theme, the language, the live clock."""

from __future__ import annotations

import functools
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from containers.capacity import tabs as capacity
from containers.models import Service
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import visible_teams
from xqplatform.accounts.visibility import visible
from xqplatform.alerts import reading as alerts
from xqplatform.notices.services import inbox

THEMES = ("auto", "light", "dark")
# The side bar is for finding one's own; the whole list has a page, a search and Ctrl-K.
SERVICES_SHOWN = 60


@functools.lru_cache(maxsize=64)
def _exists(path: str) -> bool:
    """Whether this installation has the page, so that the side bar has no dead links."""
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def root(url: str) -> str:
    """«/capacity/scorecard/» stands in the side bar for all of «/capacity/»."""
    return f"/{url.split('/')[1]}/"


def _navigation(request: HttpRequest) -> list[dict[str, Any]]:
    groups = [
        (
            "",
            [
                ("/", "home", _("Home")),
                ("/services/", "box", _("All services")),
                ("/releases/", "rocket", _("Releases")),
                ("/trains/", "player-track-next", _("Trains")),
                ("/alerts/", "bell", _("Alerts")),
            ],
        ),
        (
            _("Platform"),
            [
                ("/builds/", "hammer", _("Builds")),
                ("/images/", "stack-2", _("Images")),
                ("/hosts/", "server-2", _("Hosts")),
                ("/monitoring/", "chart-line", _("Monitoring")),
                ("/network/", "network", _("Network")),
                (capacity.entry(actor_of(request)), "gauge", _("Capacity")),
                ("/audit/", "clipboard-list", _("Audit log")),
                ("/settings/", "settings", _("Settings")),
            ],
        ),
    ]
    here = request.path
    found: list[dict[str, Any]] = []
    for title, entries in groups:
        links = [
            {
                "url": url,
                "icon": icon,
                "title": name,
                "here": here == url or (url != "/" and here.startswith(root(url))),
            }
            for url, icon, name in entries
            if url and _exists(url)
        ]
        found.append({"title": title, "links": links})
    # A service's own page is marked in the list of services, not at «All services».
    if here.startswith("/services/") and here != "/services/":
        for link in found[0]["links"]:
            link["here"] = False
    return found


def _services(request: HttpRequest) -> dict[str, list[Service]]:
    """Services of my teams first, then the rest."""
    mine = set(visible_teams(request.actor))  # type: ignore[attr-defined]
    rows = list(
        visible(actor_of(request), Service)
        .filter(removed=None)
        .only("slug", "team_id")
        .order_by("slug")[: SERVICES_SHOWN * 5]
    )
    own = [s for s in rows if s.team_id in mine]
    rest = [s for s in rows if s.team_id not in mine]
    return {"mine": own[:SERVICES_SHOWN], "others": rest[: max(0, SERVICES_SHOWN - len(own))]}


def theme_of(request: HttpRequest) -> str:
    """What the person chose; someone not signed in has a cookie. «auto» follows the machine."""
    user = getattr(request, "user", None)
    chosen = user.theme if user is not None and user.is_authenticated else request.COOKIES.get("xq_theme", "auto")
    return chosen if chosen in THEMES else "auto"


def shell(request: HttpRequest) -> dict[str, Any]:
    """Lazy where it reads rows: a partial without the frame pays nothing."""
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated and hasattr(request, "actor")
    return {
        "theme": SimpleLazyObject(lambda: theme_of(request)),
        "navigation": SimpleLazyObject(lambda: _navigation(request)) if signed_in else [],
        "side_services": SimpleLazyObject(lambda: _services(request)) if signed_in else {},
        "firing_alerts": SimpleLazyObject(lambda: alerts.mine(request.actor).count()) if signed_in else 0,  # type: ignore[attr-defined]
        "unread_notices": SimpleLazyObject(lambda: inbox.unread(request.actor)) if signed_in else 0,  # type: ignore[attr-defined]
        "live_since": getattr(request, "live_since", 0),
        "request_id": getattr(request, "request_id", ""),
    }
