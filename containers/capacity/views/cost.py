"""Costs by month, and the prices they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.capacity import asking, bills, cost_card, cost_words, prices, taken
from containers.capacity.cost_card import RANGES, Asked, Card
from containers.capacity.models import Price
from containers.models import Environment
from hosts.models import Host, HostGroup
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.web import answers
from xqplatform.web.tables import csv_response

PAGE = 50


class PriceForm(forms.Form):
    group = forms.ChoiceField(label=gettext_lazy("Host group"), required=False)
    host = forms.CharField(label=gettext_lazy("or one host"), required=False, max_length=80)
    monthly = forms.CharField(label=gettext_lazy("A host and month"), required=False, max_length=20)
    core = forms.CharField(label=gettext_lazy("or a core and month"), required=False, max_length=20)
    gib = forms.CharField(label=gettext_lazy("and a GiB and month"), required=False, max_length=20)
    currency = forms.CharField(label=gettext_lazy("Currency"), max_length=8)
    valid_from = forms.CharField(
        label=gettext_lazy("Valid from"), max_length=10, widget=forms.TextInput({"type": "date"})
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        choice = self.fields["group"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", _("every host without a nearer price"))] + [
            (one.slug, str(one)) for one in HostGroup.objects.all()
        ]
        self.fields["host"].widget.attrs["list"] = "price-hosts"


@require_GET
def show(request: ActorRequest) -> HttpResponseBase:
    require(request.actor, cost_card.RIGHT)
    wrong, asked = None, request.GET.get("format", "")
    try:
        what, asked = cost_card.asked(request.GET), taken.format_of(request)
    except Refused as refused:
        if asked:
            return answers.refusal(refused)
        what, wrong = Asked(), refused
    card = cost_card.read(request.actor, what)
    if asked:
        return _file(request, card, what, asked)
    context = {
        "card": card,
        "what": what,
        "wrong": wrong,
        "page": Paginator(card.services, PAGE).get_page(request.GET.get("page")),
        "ranges": RANGES.items(),
        "environments": Environment.objects.all(),
        "teams": asking.team_choices(request.actor),
        "may": can(request.actor, prices.RIGHT),
        "counted": cost_words.counted(),
    }  # fmt: skip
    return render(request, "capacity/cost.html", context, status=wrong.code if wrong else 200)


def _file(request: ActorRequest, card: Card, what: Asked, asked: str) -> HttpResponseBase:
    name = f"cost-{card.months[0]:%Y-%m}-{card.now:%Y-%m}.{asked}"
    if asked == "csv":
        rows = list(_table(card))
        return csv_response(request, name, _head(card), rows, count=len(rows))
    from containers.capacity import cost_paper  # what draws is loaded where it is needed

    environment = Environment.objects.filter(slug=what.environment).first()
    parts = [environment.local_title if environment else "", what.team, what.q]
    where = " · ".join(filter(None, parts)) or _("All environments")
    return taken.pdf_response(request, name, cost_paper.made(card, where), rows=len(card.services))


def _head(card: Card) -> list[str]:
    return [_("What"), _("Name"), _("Team"), _("Currency"), *(f"{month:%Y-%m}" for month in card.months)]


def _table(card: Card) -> Iterator[list[Any]]:
    kinds = [
        (_("All"), [card.whole]), (_("Unallocated"), [card.unallocated]), (_("Others"), [card.others]),
        (_("Team"), card.teams), (_("Service"), card.services),
    ]  # fmt: skip
    for kind, rows in kinds:
        for row in rows:
            amounts = ["" if amount is None else round(amount, 2) for amount in row.amounts]
            yield [kind, row.title, row.team, card.currency, *amounts]


@require_http_methods(["GET", "POST"])
def price_list(request: ActorRequest) -> HttpResponse:
    require(request.actor, cost_card.RIGHT if request.method == "GET" else prices.RIGHT)
    known = Price.objects.order_by().values_list("currency", flat=True).first() or ""
    form = PriceForm(request.POST or None, initial={"currency": known, "valid_from": str(bills.today().replace(day=1))})
    if request.method == "POST" and form.is_valid():
        try:
            prices.add(request.actor, form.cleaned_data)
            messages.success(request, _("Added. The months since then are counted anew."))
            return redirect("capacity:prices")
        except Refused as refusal:
            put_refusal(form, refusal)
    context = {
        "form": form,
        "prices": Price.objects.select_related("host", "group"),
        "hosts": Host.objects.order_by("name").values_list("name", flat=True),
        "may": can(request.actor, prices.RIGHT),
    }
    return render(request, "capacity/prices.html", context, status=400 if request.method == "POST" else 200)


@require_POST
def price_remove(request: ActorRequest, pk: int) -> HttpResponse:
    require(request.actor, prices.RIGHT)
    prices.remove(request.actor, get_object_or_404(Price, pk=min(pk, 2**31)))
    messages.success(request, _("Removed. The months since then are counted anew."))
    return redirect("capacity:prices")
