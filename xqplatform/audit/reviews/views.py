"""The queue of reviews, and its rules."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import can, require
from xqplatform.audit import sentences
from xqplatform.audit.models import Event
from xqplatform.audit.reviews import feeding, rules, services
from xqplatform.audit.reviews.ages import counted
from xqplatform.audit.reviews.models import Review, ReviewRule
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

MOST_IDS = 10**18


def ages(queue: QuerySet[Review]) -> list[tuple[Any, int]]:
    """How many open ones there are of each age, in words."""
    counts = counted(queue.filter(reviewed=None))
    return [(words, n) for (_days, words), n in zip(rules.AGES, counts, strict=True)]


def _of_rule(rows: QuerySet[Any], name: str) -> QuerySet[Any]:
    # (Names are kept as they were; a look-up inside of a JSON list is not the same on all databases.)
    return rows.filter(rules__icontains=f'"{name}"')


def _table(request: ActorRequest, state: str) -> Table:
    queue = services.seen_by(request.actor)
    rows = queue.exclude(reviewed=None) if state == "done" else queue.filter(reviewed=None)
    names = [(row.slug or row.name, rules.TITLES.get(row.slug, row.name)) for row in ReviewRule.objects.all()]
    environments = queue.order_by().exclude(environment="").values_list("environment", flat=True).distinct()
    return Table(
        request,
        rows,
        search=["actor", "object_name", "reason", "action", "comment", "reviewed_name"],
        sorts={"time": ["time", "id"], "who": "actor", "reviewed": "reviewed"},
        default="-reviewed" if state == "done" else "time",
        filters={
            "rule": Filter(_("Taken by"), names, _of_rule),
            "environment": Filter(_("Environment"), sorted((one, one) for one in environments), "environment"),
        },
    )


@require_GET
def index(request: ActorRequest) -> HttpResponse:
    require(request.actor, "audit.read")
    return _show(request)


def _show(request: ActorRequest, wrong: Refused | None = None) -> HttpResponse:
    """`wrong`: why reviewing was refused; what was ticked and typed stays."""
    state = "done" if request.GET.get("state") == "done" else "open"
    table = _table(request, state)
    known = set(Event.objects.filter(pk__in=[row.event for row in table.rows]).values_list("pk", flat=True))
    me = request.user.pk
    context = {
        "table": table,
        "state": state,
        "rows": [
            {
                "review": row,
                "words": sentences.verb(row),  # type: ignore[arg-type]
                "link": sentences.link(row),  # type: ignore[arg-type]
                "known": row.event in known,
                "mine": row.user_id == me,
                "rules": [str(rules.TITLES.get(name, name)) for name in row.rules],
                "ticked": str(row.pk) in request.POST.getlist("reviews"),
            }
            for row in table.rows
        ],
        "ages": ages(services.seen_by(request.actor)),
        "may": can(request.actor, services.RIGHT),
        "wrong": wrong,
        "comment": request.POST.get("comment", ""),
    }
    return render(
        request,
        "audit/reviews.html",
        context,
        status=(wrong.code if wrong.code in {400, 404} else 409) if wrong else 200,
    )


def _numbers(request: ActorRequest) -> list[int]:
    texts = request.POST.getlist("reviews")
    return [int(one) for one in texts if one.isascii() and one.isdecimal() and len(one) < 19]


@require_POST
def mark(request: ActorRequest) -> HttpResponse:
    """Those that are ticked were looked at."""
    try:
        done = services.review(request.actor, _numbers(request), request.POST.get("comment", ""))
    except Refused as refused:
        return _show(request, refused)
    messages.success(request, _("Reviewed: %(n)d.") % {"n": len(done)})
    return redirect("reviews:index")


@require_POST
def reopen(request: ActorRequest, pk: int) -> HttpResponse:
    try:
        services.reopen(
            request.actor, get_object_or_404(services.seen_by(request.actor), pk=pk), request.POST.get("comment", "")
        )
        messages.success(request, _("It is open again."))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("reviews:index")


@require_http_methods(["GET", "POST"])
def rule_list(request: ActorRequest) -> HttpResponse:
    """The rules; a new one is sent here."""
    require(request.actor, "audit.read")
    feeding.ensure_built_in()
    wrong: Refused | None = None
    if request.method == "POST":
        given = request.POST
        data = {
            "name": given.get("name", ""),
            "actions": given.get("actions", "").replace("\x00", "").split(),
            "environment": given.get("environment", ""),
            "production": given.get("production") == "on",
            "denied": given.get("denied", ""),
        }
        try:
            services.add_rule(request.actor, data)
            messages.success(request, _("Events from now on are taken."))
            return redirect("reviews:rules")
        except Refused as refused:
            wrong = refused
    context = {
        "rules": [(row, rules.TITLES.get(row.slug, row.name)) for row in ReviewRule.objects.all()],
        "may": can(request.actor, services.RIGHT),
        "wrong": wrong,
        "given": request.POST,
        "choices": [("", _("allowed and denied")), ("only", _("only denied")), ("none", _("only done"))],
    }
    return render(request, "audit/review_rules.html", context, status=wrong.code if wrong else 200)


@require_POST
def rule_switch(request: ActorRequest, pk: int) -> HttpResponse:
    row = services.switch_rule(request.actor, get_object_or_404(ReviewRule, pk=pk), request.POST.get("on") == "1")
    messages.success(request, _("It takes events.") if row.enabled else _("It takes no further events."))
    return redirect("reviews:rules")


@require_POST
def rule_remove(request: ActorRequest, pk: int) -> HttpResponse:
    try:
        services.remove_rule(request.actor, get_object_or_404(ReviewRule, pk=pk))
        messages.success(request, _("The rule is gone; what it took stays in the queue."))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("reviews:rules")
