"""Segments, and the grid of their addresses."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts import grid, unseen
from hosts.forms import ReserveForm, SegmentForm
from hosts.models import Address, Host, SeenContainer, Segment
from hosts.services import addresses, networks, segments
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

SEARCH = ["ip", "mac", "holder", "note"]


def _states() -> Filter:
    return Filter(_("State"), Address.State.choices, "state")


def _sorts(request: ActorRequest) -> dict[str, str]:
    columns = {"ip": "number", "holder": "holder", "since": "since"}
    return {name: columns[name] for name in unseen.searchable(request.actor, list(columns))}


@require_GET
def network(request: ActorRequest) -> HttpResponse:
    rows = Segment.objects.prefetch_related("hosts")
    wrong = networks.wrong_by_segment()
    found = [(row, addresses.figures(row), wrong.get(row.pk, 0)) for row in rows]
    table = Table(
        request,
        Address.objects.select_related("segment"),
        search=unseen.searchable(request.actor, SEARCH),
        sorts=_sorts(request),
        default="ip",
        filters={"state": _states()},
    )
    unseen.addresses(request.actor, table.page)
    rows_in_conflict = Address.objects.exclude(conflict="").select_related("segment")[:20]
    conflicts = unseen.addresses(request.actor, rows_in_conflict)
    context = {"segments": found, "table": table, "conflicts": conflicts, "may": can(request.actor, "segment.manage")}
    return render(request, "hosts/network.html", context)


@require_http_methods(["GET", "POST"])
def new(request: ActorRequest) -> HttpResponse:
    require(request.actor, "segment.manage")
    return _form(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: ActorRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Segment, slug=slug)
    require(request.actor, "segment.manage", obj=row)
    return _form(request, row)


def _form(request: ActorRequest, segment: Segment | None) -> HttpResponse:
    form = SegmentForm(request.POST or None, initial=SegmentForm.initial_of(segment) if segment else None)
    if request.method == "POST" and form.is_valid():
        try:
            if segment is None:
                saved = segments.create_segment(request.actor, form.cleaned_data)
            else:
                saved = segments.change_segment(request.actor, segment, form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("hosts:segment", slug=saved.slug)
        except Refused as refusal:
            put_refusal(form, refusal)
    context = {"form": form, "segment": segment}
    return render(request, "hosts/segment_form.html", context, status=400 if form.errors else 200)


def _grid(request: ActorRequest, segment: Segment) -> dict[str, Any]:
    blocks = grid.blocks(segment)
    asked = request.GET.get("block", "")
    start = next((number for number, text in blocks if text == asked), blocks[0][0])
    names = {addresses.own_ip(h.address): h.name for h in Host.objects.exclude(connection=Host.Connection.LOCAL)}
    strangers = SeenContainer.objects.filter(ours=False, host__segments=segment).exclude(ip="")
    cells = grid.cells(
        segment,
        start,
        unseen.addresses(request.actor, segment.addresses.all()),
        {ip: name for ip, name in names.items() if ip},
        {c.ip: f"{c.name} · {c.host}" for c in strangers.select_related("host")},
        request.GET.get("q", ""),
    )
    return {"blocks": blocks, "start": start, "cells": cells, "legend": grid.legend()}


@require_GET
def segment(request: ActorRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Segment.objects.prefetch_related("hosts"), slug=slug)
    return _page(request, row, ReserveForm(initial={"ip": request.GET.get("ip", "")}))


@require_GET
def segment_by_key(request: ActorRequest, pk: int) -> HttpResponse:
    """Where events of the audit log lead: they know the key, and its name may have changed since."""
    return redirect("hosts:segment", slug=get_object_or_404(Segment, pk=pk).slug)


def _page(request: ActorRequest, row: Segment, form: ReserveForm) -> HttpResponse:
    table = Table(
        request,
        row.addresses.all(),
        search=unseen.searchable(request.actor, SEARCH),
        sorts=_sorts(request),
        default="ip",
        filters={"state": _states()},
    )
    unseen.addresses(request.actor, table.page)
    context = {
        "segment": row,
        "table": table,
        "form": form,
        "figures": addresses.figures(row),
        "networks": networks.rows_of(row),
        "conflicts": unseen.addresses(request.actor, row.addresses.exclude(conflict="").select_related("segment")[:20]),
        "may": can(request.actor, "address.manage"),
        "may_change": can(request.actor, "segment.manage"),
        **_grid(request, row),
    }
    return render(request, "hosts/segment.html", context, status=400 if form.errors else 200)


@require_POST
def reserve(request: ActorRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Segment, slug=slug)
    form = ReserveForm(request.POST)
    if form.is_valid():
        try:
            made = addresses.reserve(request.actor, row, **form.cleaned_data)
            messages.success(request, _("%(ip)s is reserved.") % {"ip": made.ip})
            return redirect("hosts:segment", slug=row.slug)
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, row, form)


@require_POST
def network_ask(request: ActorRequest, slug: str) -> HttpResponse:
    """Make or verify the engine's network on one host (or all), or make it anew."""
    row = get_object_or_404(Segment, slug=slug)
    what, name = request.POST.get("do", "verify"), request.POST.get("host", "")
    if name:
        networks.ask(request.actor, row, get_object_or_404(Host, name=name), what)
    else:
        networks.ask_all(request.actor, row)
    messages.success(request, _("Asked; the page shows what comes of it."))
    return redirect("hosts:segment", slug=slug)


@require_POST
def unreserve(request: ActorRequest, slug: str, pk: int) -> HttpResponse:
    row = get_object_or_404(Address.objects.select_related("segment"), segment__slug=slug, pk=pk)
    addresses.unreserve(request.actor, row)
    messages.success(request, _("%(ip)s is free again.") % {"ip": row.ip})
    return redirect("hosts:segment", slug=slug)


@require_POST
def remove(request: ActorRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Segment, slug=slug)
    segments.remove_segment(request.actor, row)
    messages.success(request, _("%(segment)s is removed.") % {"segment": row})
    return redirect("hosts:network")
