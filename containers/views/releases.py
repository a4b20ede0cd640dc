"""Releases: the list, and one: live while it runs, its permanent record afterwards."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from containers import reading, release_days
from containers.gates import shown as gates
from containers.guardrails import glass, holding
from containers.guardrails.views_approvals import card as approvals_of
from containers.holding_words import held, mark_asks, sides
from containers.how import policy_words
from containers.keeping import releasing
from containers.keeping.policies import policy_of
from containers.models import Deployment, Environment, Service, Step
from containers.progress import MOVING, progress, timeline
from containers.recorder import summary
from containers.release_days import Ended
from containers.services import steering, waiting
from containers.traffic.words import words as traffic_words
from containers.views.access import get_deployment, may, reason_of
from containers.views.hooks import decorated
from containers.views.settings import changes, config_of
from containers.views.waiting import queue_of
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

# Access keys of the buttons (with the browser's own modifier, such as Alt+Shift)
KEYS = {"pause": "p", "resume": "r", "continue": "c", "cancel": "x", "rollback": "b"}
STEP_VERBS = {"skip": steering.skip, "retry": steering.retry}
MOST_KEPT = 200
VERBS = {
    "continue": steering.proceed,
    "pause": steering.pause,
    "resume": steering.resume,
    "cancel": waiting.cancel,
    "rollback": steering.rollback,
}


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    rows = visible(actor_of(request), Deployment).select_related("place__service", "place__environment", "image")
    asked = request.GET.get("service", "").replace("\x00", "")[:60]
    service = visible(actor_of(request), Service).filter(slug=asked).first() if asked else None
    if service is not None:
        rows = rows.filter(place__service=service)
    ended, wrong = Ended(), ""
    try:
        ended = release_days.asked(request.GET)
    except Refused as refused:
        wrong = refused.message
    table = Table(
        request,
        release_days.within(rows, ended),
        search=("place__service__slug", "reason", "created_name", "image__tag"),
        sorts={"number": "id", "service": "place__service__slug"},
        default="-number",
        filters={
            "environment": Filter(
                gettext_lazy("Environment"),
                [(e.slug, e.local_title) for e in Environment.objects.all()],
                "place__environment__slug",
            ),
            "kind": Filter(gettext_lazy("What"), Deployment.Kind.choices, "kind"),
            "state": Filter(gettext_lazy("State"), Deployment.State.choices, "state"),
        },
    )
    context = {
        "table": table,
        "deployments": list(table.rows),
        "service": service,
        "ended": ended,
        "wrong": wrong,
        "kept": [("service", service.slug)] if service else [],
    }
    return render(request, "containers/releases.html", context, status=400 if wrong else 200)


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    deployment = get_deployment(actor_of(request), number)
    steps = list(deployment.steps.select_related("instance__host", "instance__address", "instance__place__service",
                                                 "instance__place__environment", "host", "old_host", "instance__serving"))  # fmt: skip
    bars = timeline(deployment, steps)
    for step in steps:
        step.bars = bars[step.pk]  # type: ignore[attr-defined]
    mark_asks(deployment, steps)
    place = deployment.place
    names = {str(step.target_id): step.target.name for step in steps}
    pulls = sorted((names.get(k, k), v) for k, v in deployment.pulls.items() if isinstance(v, dict))
    runs = decorated(deployment.hook_runs.select_related("instance__serving"))
    gate_runs, earlier_gates = gates.newest_runs(deployment)
    data_before = releasing.before(deployment)
    context = {
        "deployment": deployment,
        "hook_runs": runs,
        "gate_runs": gate_runs,
        "earlier_gates": earlier_gates,
        "held": [run for run in runs if run.state == "held" and deployment.is_active],
        "handles_traffic": any(run.point.startswith("traffic.") for run in runs),
        "queue": queue_of(place) if deployment.state == Deployment.State.WAITING else [],
        "approvals": approvals_of(actor_of(request), deployment),
        "place": place,
        "service": place.service,
        "environment": place.environment,
        "steps": steps,
        "failed": [
            s for s in steps if s.state == "failed" or (s.reason and s.state in {"undone", "undoing", "undo_fail"})
        ],
        "stranded": stranded(steps, may_fence=can(actor_of(request), "host.manage")),
        "progress": progress(deployment, steps),
        "buttons": buttons(deployment, steps),
        "frozen": holding.words(deployment),
        "may_break": can(actor_of(request), glass.RIGHT),
        "changes": changes(deployment.old_config, deployment.config) if deployment.old_config_id else [],
        "pulls": pulls,
        # While it is fetched, and where that failed, it stands above the instances; a finished one is a record.
        "pulling": any(pull.get("state") != "done" for _name, pull in pulls),
        "back": back_to(deployment),
        "data_before": data_before,
        "data_policy_back": bool(data_before) and policy_of(place).back,
        "may_restore": bool(data_before) and can(actor_of(request), "data.restore", **place.at),
        "kept": deployment.kept_logs.defer("data").select_related("instance")[:MOST_KEPT],
        "calls": summary.of(deployment),
        "policy": [
            *policy_words(deployment.policy, deployment.kind),
            (_("Traffic"), traffic_words(config_of(deployment.config).traffic)),
        ],
        "holding": held(deployment, steps),
        "sides": sides(deployment, steps),
        "took": (deployment.finished - deployment.started).total_seconds()
        if deployment.finished and deployment.started
        else None,
        "events": reading.history([deployment], 30),
        "may": may(actor_of(request), place.service, place.environment.slug),
    }
    return render(request, "containers/release.html", context)


def stranded(steps: list[Step], *, may_fence: bool) -> list[dict[str, Any]]:
    """Those steps whose instance somebody has to start elsewhere, each with where that is done."""
    found = []
    for step in reading.stranded(steps):
        place = step.instance.place
        address = reverse("containers:move", args=[place.service.slug, place.environment.slug])
        asked = urlencode({"instances": step.instance.number, "host": step.old_host.name if step.old_host else ""})
        found.append({"step": step, "url": f"{address}?{asked}" if may_fence else ""})
    return found


def buttons(deployment: Deployment, steps: list[Step]) -> list[dict[str, Any]]:
    """What can be asked of the release now, each with what it would do in numbers."""
    waiting = sum(s.state == "waiting" for s in steps)
    moving = sum(s.state in MOVING for s in steps)
    done = sum(s.state in {"done", "failed"} for s in steps)
    state, asked = deployment.state, deployment.asked
    found: list[dict[str, Any]] = []

    def add(verb: str, word: str, icon: str, css: str, text: str) -> None:
        key = KEYS[verb]
        found.append({"verb": verb, "word": word, "icon": icon, "css": css, "text": text, "key": key})

    if asked in {"cancel", "rollback"} or state == Deployment.State.ROLLING_BACK:
        return found
    if state == Deployment.State.WAITING:
        add("cancel", _("Cancel"), "x", "", _("It does not begin; nothing was touched yet."))
    finishing = ngettext("%(n)d under way is finished", "%(n)d under way are finished", moving) % {"n": moving}
    waits = ngettext("%(n)d waits", "%(n)d wait", waiting) % {"n": waiting}
    rest = ngettext("%(n)d is left as it was", "%(n)d are left as they were", waiting) % {"n": waiting}
    if state in {Deployment.State.QUEUED, Deployment.State.RUNNING} and asked != "pause":
        add("pause", _("Pause"), "player-pause", "", _join(finishing if moving else "", waits))
    needs = {("failed", ""), ("undo_fail", "skip")}  # `NEEDS_SOMEBODY`
    rests = deployment.hold == Deployment.Hold.FAILED and any((s.state, s.asked) in needs for s in steps)
    if (state == Deployment.State.PAUSED and not rests) or asked == "pause":
        text = ngettext("Goes on with %(n)d instance.", "Goes on with %(n)d instances.", waiting) % {"n": waiting}
        add("resume", _("Resume"), "player-play", "btn-primary", text)
    if state in {Deployment.State.QUEUED, Deployment.State.RUNNING, Deployment.State.PAUSED}:
        kept = ngettext("%(n)d done stays changed", "%(n)d done stay changed", done) % {"n": done}
        beside = deployment.policy.get("strategy") == "blue-green"
        if beside and not deployment.switch:
            add("cancel", _("Cancel"), "x", "", _("The new instances are removed; the old ones serve on."))
        elif not beside:
            add("cancel", _("Cancel"), "x", "", _join(kept, finishing if moving else "", rest))
        touched = done + moving
        if touched and deployment.kind == Deployment.Kind.MOVE:
            text = ngettext(
                "Brings %(n)d instance back to its old host; %(m)d untouched.",
                "Brings %(n)d instances back to their old hosts; %(m)d untouched.",
                touched,
            )
            text %= {"n": touched, "m": waiting}
        elif touched and deployment.kind == Deployment.Kind.ADDRESS:
            text = _("It gets %(ip)s back, which is reserved for it as long as this lasts.") % {"ip": steps[0].old_ip}
        elif touched and beside:
            text = _("The old instances have the traffic, then the new ones are removed.")
        elif touched:
            text = ngettext(
                "Brings %(n)d touched instance back to what it had before (image and settings); %(m)d untouched.",
                "Brings %(n)d touched instances back to what they had before (image and settings); %(m)d untouched.",
                touched,
            )
            text %= {"n": touched, "m": waiting}
        else:
            text = _("Nothing was touched yet; nothing will be.")
        add("rollback", _("Roll back"), "arrow-back-up", "btn-outline-danger", text)
    return found


def _join(*parts: str) -> str:
    """A sentence of those parts that say something."""
    return _("%s.") % _(", ").join(part for part in parts if part)


def back_to(deployment: Deployment) -> str:
    """Where «back to the version before» leads, for a finished release: the wizard's plan with image and settings."""
    image = deployment.old_image
    if deployment.is_active or deployment.kind != "deploy" or image is None or image.state != "deployable":
        return ""
    if deployment.place.current_image_id == deployment.old_image_id:
        return ""
    asked = {
        "step": 3,
        "image": image.pk,
        "why": _("Back to the version before #%(n)d") % {"n": deployment.pk},
    }
    if deployment.old_config is not None:
        asked["config"] = deployment.old_config.version
    place = deployment.place
    address = reverse("containers:deploy", args=[place.service.slug, place.environment.slug])
    return f"{address}?{urlencode(asked)}"


@require_POST
def ask(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Pause, resume, let go on, cancel or roll back."""
    deployment = get_deployment(actor_of(request), int(number))
    try:
        if verb == "rollback" and "data_back" in request.POST:
            data_back = request.POST["data_back"] == "1"
            steering.rollback(actor_of(request), deployment, reason_of(request.POST), data_back=data_back)
        else:
            VERBS[verb](actor_of(request), deployment, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:release", deployment.pk)


@require_POST
def ask_step(request: HttpRequest, number: str, step: str, verb: str) -> HttpResponse:
    """Leave an instance out, or try it once more."""
    deployment = get_deployment(actor_of(request), int(number))
    row = get_object_or_404(deployment.steps.select_related("instance", "deployment__place__service"), pk=int(step))
    try:
        STEP_VERBS[verb](actor_of(request), row, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:release", deployment.pk)
