"""Conformance: one host's checks, the fleet's matrix, profiles, waivers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts.conformance import checks, matrix, store
from hosts.conformance.check import Check
from hosts.conformance.models import built_in
from hosts.conformance.profiles import family, profile_of
from hosts.forms_conformance import ProfileForm, WaiverForm
from hosts.models import CheckResult, Host, HostFacts, HostGroup, HostOperation, Profile, Waiver
from hosts.services import conformance, operations
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.web.states import look
from xqplatform.web.tables import Filter, Table, csv_response

WEEKS = 30  # days that the form of a waiver proposes
ORDER = {"fails": 0, "unknown": 1, "waived": 2, "passes": 3}


@dataclass
class Row:
    """One check on a host's page."""

    check: Check
    result: CheckResult | None
    state: str  # as shown: «waived» instead of «fails» while a waiver holds
    waiver: Waiver | None = None
    preview: conformance.Preview | None = None
    fixed: HostOperation | None = None  # the fix that stands and can be taken back
    actions: list[str] = field(default_factory=list)

    @property
    def look(self) -> str:
        return "cannot_tell" if self.state == "unknown" else self.state


@require_GET
def host(request: ActorRequest, name: str) -> HttpResponse:
    row = get_object_or_404(Host.objects.select_related("group"), name=name)
    facts = HostFacts.objects.filter(host=row).first()
    rows = rows_of(row, facts.facts if facts else {})
    wanted = request.GET.get("state", "")
    counts = {state: sum(one.state == state for one in rows) for state in ORDER}
    context = {
        "host": row,
        "facts": facts,
        "stale": bool(facts and facts.taken and facts.taken < timezone.now() - store.STALE),
        "rows": [one for one in rows if one.state == wanted] if wanted in ORDER else rows,
        "counts": counts,
        "wanted": wanted if wanted in ORDER else "",
        "profile": profile_of(row),
        "off": [checks.BY_SLUG[slug] for slug in profile_of(row).off if slug in checks.BY_SLUG],
        "busy": operations.active_on(row),
        "until": timezone.localdate() + timedelta(days=WEEKS),
        "may": can(request.actor, "host.manage"),
        "may_operate": can(request.actor, "host.operate"),
    }
    return render(request, "hosts/conformance/host.html", context)


def rows_of(host: Host, facts: dict[str, Any]) -> list[Row]:
    """The checks that count for the host, failing ones first, with what can be done about them."""
    profile = profile_of(host)
    results = {row.check_slug: row for row in CheckResult.objects.filter(host=host)}
    waivers: dict[str, Waiver] = {}
    for waiver in Waiver.holding():
        if waiver.host_id == host.pk or (
            waiver.group_id and waiver.group_id == host.group_id and waiver.check_slug not in waivers
        ):
            waivers[waiver.check_slug] = waiver
    fixed, rows = conformance.last_fixes(host), []
    for check in checks.of(profile, family(host)):
        result = results.get(check.slug)
        state = result.state if result else "unknown"
        held = waivers.get(check.slug)
        shown = "waived" if held and state == "fails" else state
        preview = conformance.preview(host, check, profile, facts) if state == "fails" else None
        rows.append(Row(check, result, shown, held, preview, fixed.get(check.slug)))
    return sorted(rows, key=lambda one: ORDER[one.state])


@require_POST
def act(request: ActorRequest, name: str, action: str) -> HttpResponse:
    """The buttons of a host's conformance page."""
    row = get_object_or_404(Host.objects.select_related("group"), name=name)
    slug, reason = _text(request, "check"), _text(request, "reason")
    if action == "check":
        conformance.check(request.actor, row)
        messages.success(request, _("%(host)s is being looked at.") % {"host": row})
    elif action == "fix":
        operation = conformance.apply_fix(request.actor, row, slug, reason)
        return redirect(operation.get_absolute_url())
    elif action == "undo":
        key = _text(request, "operation")
        require(request.actor, "host.operate", obj=row)
        found = get_object_or_404(
            HostOperation.objects.select_related("host"),
            host=row,
            pk=int(key) if key.isdecimal() and len(key) < 18 else 0,
        )
        return redirect(conformance.undo_fix(request.actor, found, reason).get_absolute_url())
    elif action == "waive":
        target: Host | HostGroup = row.group if request.POST.get("for") == "group" and row.group else row
        conformance.waive(request.actor, target, slug, reason, _text(request, "until"))
        messages.success(request, _("Waived until %(day)s.") % {"day": _text(request, "until")})
    return redirect("hosts:conformance_host", name=row.name)


def _text(request: ActorRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()


@require_GET
def fleet(request: ActorRequest) -> HttpResponseBase:
    """Hosts × checks."""
    roles = [("run", _("run")), ("build", _("build")), ("registry", _("registry"))]
    states = [("fails", _("fails")), ("unknown", _("cannot tell")), ("waived", _("waived")), ("passes", _("passes"))]
    by_state = matrix.hosts_by_state()
    table = Table(
        request,
        Host.objects.exclude(state=Host.State.RETIRED).select_related("group"),
        search=["name", "group__slug"],
        sorts={"name": "name"},
        default="name",
        filters={
            "group": Filter(_("Group"), [(g.slug, g) for g in HostGroup.objects.all()], "group__slug"),
            "role": Filter(_("Role"), roles, lambda rows, role: rows.filter(**{f"role_{role}": True})),
            "state": Filter(_("Some check"), states, lambda rows, state: rows.filter(pk__in=by_state.get(state, set()))),
            "check": Filter(_("Fails in"), [(c.slug, c.short) for c in checks.CHECKS], lambda rows, slug: rows.filter(pk__in=by_state.get(slug, set()))),
        },
        per_page=200,
    )  # fmt: skip
    if request.GET.get("format") == "csv":
        found = matrix.build(list(table.queryset))
        head = ["host", *(check.slug for check in found.checks)]
        lines = ([line.host.name, *(cell.state if cell else "" for cell in line.cells)] for line in found.lines)
        return csv_response(request, "conformance.csv", head, lines, count=len(found.lines))
    found = matrix.build(list(table.rows))
    words = {state: str(look("cannot_tell" if state == "unknown" else state).word) for state in matrix.STATES}
    context = {
        "table": table,
        "matrix": found,
        "lines": [(line, _cells(line, words)) for line in found.lines],
        "none_at_all": not Host.objects.exists(),
    }
    return render(request, "hosts/conformance/matrix.html", context)


def _cells(line: matrix.Line, words: dict[str, str]) -> SafeString:
    """A line's cells. Thousands of them are on the page: a template would take seconds over them."""
    name, drawn = escape(line.host.name), []
    for check, cell in line.pairs:
        if cell is None:
            drawn.append("<td></td>")
            continue
        word = escape(words[cell.state])
        why = f": {escape(cell.words)}" if cell.words and cell.state != "passes" else ""
        drawn.append(
            f'<td class="cf-{cell.state}" title="{name} · {escape(check.short)} · {word}{why}">'
            f'<a href="/hosts/{name}/conformance/#{check.slug}"{" tabindex=-1" if cell.state == "passes" else ""}>'
            f'<svg><use href="#cf-{cell.state}"/></svg><span class="visually-hidden">{word}</span></a></td>'
        )
    return mark_safe("".join(drawn))  # noqa: S308  every text in it is escaped


@require_GET
def waivers(request: ActorRequest) -> HttpResponse:
    rows = Waiver.objects.select_related("host", "group")
    every = [(one, checks.BY_SLUG.get(one.check_slug)) for one in rows]
    context = {
        "holding": [pair for pair in every if pair[0].holds],
        "ended": [pair for pair in every if not pair[0].holds][::-1][:50],
        "soon": timezone.localdate() + timedelta(days=7),
        "form": WaiverForm(initial={"until": timezone.localdate() + timedelta(days=WEEKS)}),
        "may": can(request.actor, "host.manage"),
    }
    return render(request, "hosts/conformance/waivers.html", context)


@require_POST
def unwaive(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Waiver.objects.select_related("host", "group"), pk=pk)
    conformance.unwaive(request.actor, row)
    messages.success(request, _("The waiver is ended: the check counts again."))
    if row.host and request.POST.get("back") == "host":
        return redirect("hosts:conformance_host", name=row.host.name)
    return redirect("hosts:waivers")


@require_POST
def waive_group(request: ActorRequest) -> HttpResponse:
    """A waiver for a whole group, from the page of waivers."""
    require(request.actor, "host.manage")
    form = WaiverForm(request.POST)
    if form.is_valid():
        try:
            data = form.cleaned_data
            conformance.waive(request.actor, data["group"], data["check"], data["reason"], data["until"])
            return redirect("hosts:waivers")
        except Refused as refusal:
            put_refusal(form, refusal)
    context = {"holding": [], "ended": [], "form": form, "may": True, "only_form": True}
    return render(request, "hosts/conformance/waivers.html", context, status=400)


@require_GET
def profiles(request: ActorRequest) -> HttpResponse:
    saved = list(Profile.objects.select_related("group"))
    general = {row.role for row in saved if row.group_id is None}
    rows = [*(built_in(role) for role in Profile.Role.values if role not in general), *saved]
    rows.sort(key=lambda row: (Profile.Role.values.index(row.role), row.group_id is not None, row.name))
    context = {
        "rows": [(row, len(conformance.hosts_of(row)) if row.pk else _built_in_hosts(row.role)) for row in rows],
        "may": can(request.actor, "host.manage"),
    }
    return render(request, "hosts/conformance/profiles.html", context)


def _built_in_hosts(role: str) -> int:
    rows = Host.objects.exclude(state=Host.State.RETIRED).select_related("group")
    return sum(1 for row in rows if (found := profile_of(row)).pk is None and found.role == role)


@require_http_methods(["GET", "POST"])
def profile_new(request: ActorRequest) -> HttpResponse:
    require(request.actor, "host.manage")
    asked = request.GET.get("role", "run")
    return _profile_form(request, built_in(asked if asked in Profile.Role.values else "run"))


@require_http_methods(["GET", "POST"])
def profile(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Profile.objects.select_related("group"), pk=pk)
    if request.method == "POST":
        require(request.actor, "host.manage", obj=row)
        if "remove" in request.POST:
            conformance.remove_profile(request.actor, row)
            messages.success(request, _("Removed: the role's general profile holds now."))
            return redirect("hosts:profiles")
    return _profile_form(request, row)


def _profile_form(request: ActorRequest, row: Profile) -> HttpResponse:
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=ProfileForm.initial_of(row))
    if request.method == "POST" and form.is_valid():
        try:
            conformance.save_profile(request.actor, form.values(), row if row.pk else None)
            messages.success(request, _("Saved. Its hosts are judged anew by what was read last."))
            return redirect("hosts:profiles")
        except Refused as refusal:
            put_refusal(form, refusal)
    context = {
        "profile": row,
        "form": form,
        "hosts": conformance.hosts_of(row) if row.pk else [],
        "may": can(request.actor, "host.manage"),
    }
    return render(request, "hosts/conformance/profile.html", context, status=400 if form.errors else 200)
