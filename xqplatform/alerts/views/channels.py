"""Channels, and what went over them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.alerts.forms import ChannelForm
from xqplatform.alerts.models import Channel, Delivery, Notification
from xqplatform.alerts.services import channels as verbs
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

# What an address looks like, for the form; parts in capitals are one's own.
EXAMPLES = [
    (gettext_lazy("Mail"), "mailtos://USER:PASSWORD@mail.example.com?to=ops@example.com"),
    ("DingTalk", "dingtalk://SECRET@ACCESS_TOKEN"),
    ("WeCom", "wecombot://BOT_KEY"),
    ("Feishu", "feishu://TOKEN"),
    ("Slack", "slack://TOKEN_A/TOKEN_B/TOKEN_C/#channel"),
    ("ntfy", "ntfys://ntfy.example.com/topic"),
    (gettext_lazy("Webhook"), "https://hooks.example.com/alerts"),
]


def _shared() -> QuerySet[Delivery]:
    """What goes over people's own channels is shown to them alone."""
    rows = Delivery.objects.filter(channel__owner=None)  # visible: whoever calls it asks
    return rows.select_related("channel")


@require_GET
def channels(request: ActorRequest) -> HttpResponse:
    waiting = Count("deliveries", filter=Q(deliveries__state__in=Delivery.OPEN), distinct=True)
    rows = Channel.objects.shared().annotate(waiting=waiting, n_rules=Count("rules", distinct=True))
    return render(request, "alerts/channels.html", {"channels": rows, "may": can(request.actor, verbs.RIGHT)})


@require_http_methods(["GET", "POST"])
def new(request: ActorRequest) -> HttpResponse:
    require(request.actor, verbs.RIGHT)
    return _page(request, None)


@require_http_methods(["GET", "POST"])
def channel(request: ActorRequest, pk: int) -> HttpResponse:
    """How it fares, its last deliveries, and for SREs its settings."""
    return _page(request, get_object_or_404(Channel.objects.shared(), pk=pk))


def _page(request: ActorRequest, row: Channel | None) -> HttpResponse:
    keys = ("name", "kind", "least", "default", "hears_closed", "enabled")
    form = ChannelForm(request.POST or None, initial={key: getattr(row, key) for key in keys} if row else None)
    if request.method == "POST" and form.is_valid():
        try:
            saved = verbs.save_channel(request.actor, row, form.cleaned_data)
            messages.success(request, _("Saved. Test it, so that the first message is no surprise."))
            return redirect("alerts:channel", saved.pk)
        except Refused as refusal:
            put_refusal(form, refusal)
    elif request.method == "POST":
        require(request.actor, verbs.RIGHT, obj=row)
    context = {
        "form": form,
        "channel": Channel.objects.get(pk=row.pk) if row else None,  # without what was typed and refused
        "deliveries": visible(request.actor, row.deliveries.all()).select_related("notification")[:15] if row else [],
        "may": can(request.actor, verbs.RIGHT),
        "examples": EXAMPLES,
    }
    return render(request, "alerts/channel.html", context, status=400 if form.errors else 200)


@require_POST
def test(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Channel.objects.shared(), pk=pk)
    try:
        verbs.test_channel(request.actor, row)
        messages.success(request, _("A message is on its way; below stands what comes of it."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("alerts:channel", pk)


@require_POST
def remove(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Channel.objects.shared(), pk=pk)
    verbs.remove_channel(request.actor, row)
    messages.success(request, _("The channel is removed."))
    return redirect("alerts:channels")


@require_GET
def deliveries(request: ActorRequest) -> HttpResponse:
    table = Table(
        request,
        visible(request.actor, _shared()).select_related("notification"),
        search=["notification__title", "words"],
        sorts={"time": "created", "channel": "channel__name"},
        default="-time",
        filters={
            "state": Filter(_("State"), Delivery.State.choices, "state"),
            "channel": Filter(_("Channel"), Channel.objects.shared().values_list("pk", "name"), "channel"),
            "kind": Filter(_("Kind"), Notification.Kind.choices, "notification__kind"),
        },
    )
    return render(request, "alerts/deliveries.html", {"table": table})


@require_GET
def delivery(request: ActorRequest, pk: int) -> HttpResponse:
    """One message: what it said, to whom, and each attempt with its answer."""
    row = get_visible(request.actor, _shared().select_related("notification__rule"), pk=pk)
    attempts = [{**one, "at": datetime.fromtimestamp(one["time"], UTC)} for one in row.attempts]
    context = {
        "delivery": row,
        "attempts": attempts,
        "alerts": row.notification.alerts.order_by("pk")[:50],
        "may": can(request.actor, verbs.RIGHT),
    }
    return render(request, "alerts/delivery.html", context)


@require_POST
def retry(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, _shared(), pk=pk)
    try:
        verbs.retry_delivery(request.actor, row)
        messages.success(request, _("It is being sent again."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("alerts:delivery", pk)
