"""The fleet, one host, and the host groups."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts import conflicts, connection, hooks, unseen
from hosts.forms import GroupForm, HostForm
from hosts.models import Host, HostGroup, SshAccess
from hosts.outside import shown
from hosts.services import conformance, machines
from hosts.views import measuring
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.metrics import board
from xqplatform.web.states import look
from xqplatform.web.tables import Filter, Table, csv_response

SHOWN = ("ready", "degraded", "unreachable", "cordoned", "draining", "new", "retired")
ROLES = ("run", "build", "registry")


def counted() -> QuerySet[Host]:
    """Hosts with how many containers of ours and of others they have."""
    return Host.objects.select_related("group").annotate(
        ours=Count("seen_containers", filter=Q(seen_containers__ours=True)),
        foreign=Count("seen_containers", filter=Q(seen_containers__ours=False)),
    )


def in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """Hosts whose `shown_state` is this one."""
    if state in {"retired", "unreachable", "new"}:
        return rows.filter(state=state)
    seen = rows.filter(state__in=Host.ANSWERING)
    if state == "draining":
        return seen.filter(draining=True)
    if state == "cordoned":
        return seen.filter(draining=False, cordoned=True)
    return seen.filter(draining=False, cordoned=False, state=state)


def _table(request: ActorRequest) -> Table:
    rows = counted()
    if request.GET.get("state") not in SHOWN:
        rows = rows.exclude(state=Host.State.RETIRED)
    roles = [("run", _("run")), ("build", _("build")), ("registry", _("registry"))]
    return Table(
        request,
        rows,
        search=["name", "address", "group__slug", "engine_version", "os", "kernel", "labels"],
        sorts={
            "name": "name",
            "state": ["state", "cordoned"],
            "engine": "engine_version",
            "group": "group__slug",
            "cpus": "cpus",
            "memory": "memory",
            "disk": "disk_free",
            "ours": "ours",
            "foreign": "foreign",
        },
        default="name",
        filters={
            "state": Filter(_("State"), [(s, look(s).word) for s in SHOWN], in_state),
            "role": Filter(_("Role"), roles, lambda rows, role: rows.filter(**{f"role_{role}": True})),
            "group": Filter(_("Group"), [(g.slug, g) for g in HostGroup.objects.all()], "group__slug"),
        },
    )


@require_GET
def fleet(request: ActorRequest) -> HttpResponseBase:
    table = _table(request)
    if request.GET.get("format") == "csv":
        head = [
            "name",
            "state",
            "reason",
            "address",
            "group",
            "engine",
            "api",
            "os",
            "cpus",
            "memory",
            "disk_free",
            "ours",
            "foreign",
        ]
        lines = (
            [
                h.name,
                h.shown_state,
                h.state_reason,
                h.address,
                h.group or "",
                h.engine_version,
                h.api_version,
                h.os,
                h.cpus,
                h.memory,
                h.disk_free,
                h.ours,
                h.foreign,
            ]
            for h in table.queryset
        )
        return csv_response(request, "hosts.csv", head, lines, count=table.count)
    put_sparks(list(table.rows))
    context = {
        "table": table,
        "may": can(request.actor, "host.manage"),
        "none_at_all": not table.count and not table.active and not Host.objects.exists(),
    }
    return render(request, "hosts/fleet.html", context)


def put_sparks(rows: list[Host]) -> None:
    """The last hour of CPU and memory on each row (`sparks`: by colour)."""
    wanted = [("cpu.cores", _("CPU"), "cpu"), ("memory.used", _("memory"), "memory")]
    found = board.sparks([f"host:{row.pk}" for row in rows], wanted)
    for row in rows:
        row.sparks = found.get(f"host:{row.pk}", {})  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def new(request: ActorRequest) -> HttpResponse:
    require(request.actor, "host.manage")
    return _form(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: ActorRequest, name: str) -> HttpResponse:
    host = get_object_or_404(Host.objects.select_related("group"), name=name)
    require(request.actor, "host.manage", obj=host)
    return _form(request, host)


def _form(request: ActorRequest, host: Host | None) -> HttpResponse:
    posted = request.method == "POST"
    initial = HostForm.initial_of(host) if host else {"connection": request.GET.get("connection", "tcp")}
    form = HostForm(request.POST if posted else None, request.FILES or None, host=host, initial=initial)
    diagnosis: Any = None
    testing = posted and "test" in request.POST
    if testing:
        diagnosis = _test(request, form, host)
    elif posted and form.is_valid():
        try:
            if host is None:
                saved = machines.create_host(request.actor, form.values())
                messages.success(request, _("%(host)s is connected; its inventory is being read.") % {"host": saved})
            else:
                saved = machines.change_host(request.actor, host, form.values())
                messages.success(request, _("Saved."))
            return redirect("hosts:host", name=saved.name)
        except Refused as refusal:
            put_refusal(form, refusal)
    form.hide_keys()
    status = 400 if posted and not testing else 200
    return render(request, "hosts/form.html", {"form": form, "host": host, "diagnosis": diagnosis}, status=status)


def _test(request: ActorRequest, form: HostForm, host: Host | None) -> dict[str, Any]:
    """What the test found, as the page shows it. Fields that do not matter for the connection may still be empty."""
    form.full_clean()
    data = form.values() if "connection" in form.cleaned_data else {}
    # A name is not needed for a test; the other errors stand at their fields only when the form is saved.
    form.errors.clear()
    if not data:
        return {"ok": False, "sentence": _("Choose a kind of connection.")}
    try:
        found = machines.test_connection(request.actor, {**data, "name": ""}, host)
    except Refused as refusal:
        field = form.fields.get(refusal.field or "")
        return {"ok": False, "label": field.label if field else "", "sentence": refusal.message}
    return {"ok": found.ok, "sentence": found.sentence, "found": found}


@require_GET
def host(request: ActorRequest, name: str) -> HttpResponse:
    row = get_object_or_404(counted(), name=name)
    containers = unseen.containers(request.actor, row.seen_containers.all()[:2000])
    put_sparks([row])
    context = {
        "host": row,
        "ours": [c for c in containers if c.ours],
        "foreign": [c for c in containers if not c.ours],
        "changes": row.changes.all()[:20],
        "segments": row.segments.all(),
        "conflicts": unseen.addresses(request.actor, conflicts.on_host(row)),
        "outside": shown.recent(row),
        "unsure": shown.unsure(row),
        "may": can(request.actor, "host.manage"),
        "may_operate": can(request.actor, "host.operate"),
        "access": SshAccess.objects.filter(host=row).first(),
        "setup_failed": row.operations.filter(kind="host.setup").values_list("state", flat=True).order_by("-pk").first()
        in {"failed", "cancelled"},
        "users": hooks.users_of(row.pk),
        "operations": unseen.operations(
            request.actor, row.operations.select_related("host").defer("output", "notes")[:6]
        ),
        "panels": [hook(request, row) for hook in hooks.HOST_PANELS],
        "operations_of_others": [hook(request, row) for hook in hooks.HOST_OPERATIONS],
        "certificates": row.seen_certificates.all(),
        "certificate_ends": connection.expiry(row.certificate),
        "certificate_subject": connection.subject(row.certificate),
        "conformance": conformance.counts(row),
        "conformance_read": row.check_results.exists(),
        **measuring.context(row),
        "disk_used": (row.disk_total or 0) - (row.disk_free or 0),
    }
    return render(request, "hosts/host.html", context)


@require_POST
def act(request: ActorRequest, name: str, action: str) -> HttpResponse:
    """The buttons of a host's page."""
    row = get_object_or_404(Host, name=name)
    reason = request.POST.get("reason", "").replace("\x00", "")
    if action == "cordon":
        machines.cordon(request.actor, row, reason)
        messages.success(request, _("%(host)s takes no new instances now.") % {"host": row})
    elif action == "uncordon":
        machines.uncordon(request.actor, row)
        messages.success(request, _("%(host)s takes instances again.") % {"host": row})
    elif action == "retire":
        machines.retire(request.actor, row, reason)
        messages.success(request, _("%(host)s is retired.") % {"host": row})
    elif action == "bring-back":
        machines.bring_back(request.actor, row)
    elif action == "refresh":
        machines.ask_refresh(request.actor, row)
        messages.success(request, _("%(host)s is being read.") % {"host": row})
    else:
        machines.remove_host(request.actor, row)
        messages.success(request, _("%(host)s is removed. What runs on its engine was left alone.") % {"host": row})
        return redirect("hosts:fleet")
    return redirect("hosts:host", name=row.name)


@require_http_methods(["GET", "POST"])
def groups(request: ActorRequest) -> HttpResponse:
    form = GroupForm(request.POST or None)
    if request.method == "POST":
        require(request.actor, "host.manage")
        if form.is_valid():
            try:
                machines.save_group(request.actor, form.cleaned_data)
                return redirect("hosts:groups")
            except Refused as refusal:
                put_refusal(form, refusal)
    rows = HostGroup.objects.annotate(n=Count("hosts", filter=~Q(hosts__state="retired")))
    context = {"groups": rows, "form": form, "may": can(request.actor, "host.manage")}
    return render(request, "hosts/groups.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def group(request: ActorRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(HostGroup, slug=slug)
    form = GroupForm(request.POST or None, initial=GroupForm.of(row))
    if request.method == "POST":
        require(request.actor, "host.manage", obj=row)
        if "remove" in request.POST:
            machines.remove_group(request.actor, row)
            return redirect("hosts:groups")
        if form.is_valid():
            try:
                machines.save_group(request.actor, form.cleaned_data, row)
                return redirect("hosts:groups")
            except Refused as refusal:
                put_refusal(form, refusal)
    context = {"group": row, "form": form, "may": can(request.actor, "host.manage")}
    return render(request, "hosts/group.html", context, status=400 if form.errors else 200)
