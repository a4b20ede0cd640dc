"""Pages of guardrails, part of the app's own."""

from django.urls import URLPattern, URLResolver, path, re_path

from containers.guardrails import views_approvals as approvals
from containers.guardrails import views_calendars as calendars
from containers.guardrails import views_glass as glass
from containers.guardrails import views_rules as rules

G, C = "settings/guardrails/<slug:slug>/", "settings/calendars/<slug:slug>/"
urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/guardrails/", rules.index, name="guardrails"),
    path(G, rules.show, name="guardrails_of"),
    re_path(
        r"^settings/guardrails/(?P<slug>[-a-zA-Z0-9_]+)/freeze/(?P<kind>market|weekly|once)/$",
        rules.freeze_add,
        name="freeze_add",
    ),
    path(f"{G}freeze/<int:number>/end/", rules.freeze_end, name="freeze_end"),
    path("settings/calendars/", calendars.index, name="calendars"),
    path("settings/calendars/id/<int:number>/", calendars.by_key, name="calendar_by_key"),
    path(C, calendars.show, name="calendar"),
    path(f"{C}day/", calendars.day_set, name="calendar_day"),
    path(f"{C}day/<int:number>/remove/", calendars.day_remove, name="calendar_day_remove"),
    path(f"{C}ics/", calendars.ics, name="calendar_ics"),
    re_path(
        r"^settings/calendars/(?P<slug>[-a-zA-Z0-9_]+)/(?P<verb>compute|remove)/$", calendars.act, name="calendar_act"
    ),
    path("releases/approvals/", approvals.index, name="approvals"),
    re_path(
        r"^releases/(?P<number>[0-9]{1,12})/(?P<verb>approve|withdraw)/$", approvals.answer, name="release_approve"
    ),
    path("releases/break-glass/", glass.index, name="glass"),
    path("releases/break-glass/<int:number>/review/", glass.review, name="glass_review"),
    path("releases/<int:number>/go-on/", glass.go_on, name="release_go_on"),
]
