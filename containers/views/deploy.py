"""The deploy wizard: version → information → nodes and plan → deploy.

Its state is in the address (steps 1 to 3 are GETs), so that «back» keeps what was typed and a colleague can be sent a link.
The plan that was shown is sent along as a mark; when the plan made at the click differs, the click is refused with the change.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds.models import Image
from builds.services.builds import fetch_now
from builds.services.images import discard_image
from builds.versions import Version, difference, versions
from containers.forms import InformationForm, as_fields, chosen_of, hosts_of, image_of
from containers.forms.strategy import StrategyFields
from containers.forms.waiting import WhenForm
from containers.guardrails import shown as guards
from containers.how import policy_words, stops_all
from containers.models import ConfigVersion, Deployment, ServiceEnvironment
from containers.plan import Plan
from containers.planned import Stale, mark_of, seal, unseal
from containers.preview import ahead, contents, gather, images, pulls
from containers.services import holders, planning, releases, waiting
from containers.traffic.words import words as traffic_words
from containers.views.access import get_place
from containers.views.run import frame, hosts_offered, offered
from containers.views.settings import changes, config_of
from containers.views.waiting import When
from hosts.models import Host
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

MOST_HOSTS = 1000
CARRIED = ("image", "config", "why", "batch", "pause", "order", "deadline", "on_failure", *StrategyFields.base_fields)
DEFAULTS: dict[str, Any] = {"batch": "25%", "pause": 0, "order": "stop-first", "deadline": 60, "on_failure": "rollback"}
DEFAULTS |= {"strategy": "rolling", "canary": 1, "hold": 0, "switch": "click", "keep": 600, "old_side": "running"}


def carried(data: Any) -> dict[str, str]:
    """What the wizard carries from step to step."""
    return {name: data[name][:2000] for name in CARRIED if data.get(name)} | as_fields(data)


def defaults_of(place: ServiceEnvironment) -> dict[str, Any]:
    """How the last release of this place went is how the next one is proposed to go."""
    last = place.deployments.filter(kind=Deployment.Kind.DEPLOY).order_by("-id").first()
    known = {k: v for k, v in (last.policy if last else {}).items() if k in DEFAULTS}
    values = DEFAULTS | known
    if values["strategy"] == "recreate":
        values["strategy"] = "rolling"  # nobody stops all of them because somebody did so the last time
    if last is not None and last.policy.get("keep_running") is False:
        values["old_side"] = "stopped"
    values["hold"] = values["hold"] or ""
    for name in ("pause", "deadline", "hold", "keep"):
        values[name] = f"{values[name]:g}" if isinstance(values[name], float) else values[name]
    if last is None and may_start_first(place):
        values["order"] = "start-first"
    return values


def may_start_first(place: ServiceEnvironment) -> bool:
    """Whether old and new may run side by side: no fixed address, and no folder that both would write to."""
    config = config_of(place.config)
    fixed = place.instances.filter(removed=None, address__isnull=False).exists()
    return planning.segment_of(place) is None and not fixed and not config.volumes and not config.persist


def config_asked(place: ServiceEnvironment, data: Any) -> ConfigVersion | None:
    """The settings version that `config` names (a release back to an earlier one); None: the newest."""
    text = str(data.get("config") or "")
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        return None
    return place.configs.filter(version=int(text)).first()


@require_http_methods(["GET", "POST"])
def wizard(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    if request.method == "POST":
        require(
            actor_of(request),
            "service.deploy",
            **place.at,
            obj=place,
        )
        return _check(request, place) if request.POST.get("do") == "check" else _deploy(request, place)
    step = request.GET.get("step", "1")
    image = image_of(place, request.GET.get("image"))
    if step == "1" or image is None:
        return _versions(request, place, image)
    if step == "2":
        return _information(request, place, image)
    return _plan(request, place, image)


def _versions(request: HttpRequest, place: ServiceEnvironment, image: Image | None) -> HttpResponse:
    branch = place.branch or place.environment.branch
    every = request.GET.get("all") == "1"
    found = versions(place.service.project, "" if every else branch)
    hidden = 0
    if not every and not found:
        # Nothing was built by this environment's rule: show what there is instead of an empty page.
        found, every = versions(place.service.project, ""), True
    q = request.GET.get("q", "").strip().lower()[:100]
    if q:
        found = [v for v in found if q in _text(v)]
    if request.GET.get("deployable") == "1":
        hidden = sum(not v.deployable for v in found)
        found = [v for v in found if v.deployable]
    proofs = guards.proofs(place, found)
    if image is None:
        # The newest that could be released and does not run here yet, else what runs.
        able = [v.image for v in found if v.deployable and v.image is not None]
        able.sort(key=lambda one: not proofs.get(one.pk, {"holds": True})["holds"])  # what is proved stands first
        image = next((i for i in able if i.pk != place.current_image_id), able[0] if able else None)
    context = frame(request, place, "deploy") | {
        "step": 1,
        "versions": found,
        "hidden": hidden,
        "every": every,
        "branch": branch,
        "chosen": image,
        "keep": carried(request.GET),
        "q": q,
        "no_image": request.GET.get("step", "1") != "1",
        "proofs": proofs,
    }
    return render(request, "containers/deploy_versions.html", context)


def _text(version: Version) -> str:
    tag = version.image.tag if version.image else ""
    return f"{version.revision} {version.branch} {version.author} {version.message} {tag}".lower()


def form_of(place: ServiceEnvironment, data: Any) -> InformationForm:
    """The information of step two: what was typed, and the defaults for what the address does not name."""
    values = {k: str(v) for k, v in defaults_of(place).items()}
    values |= {name: data[name] for name in InformationForm.base_fields if name in data}
    return InformationForm(values)


def _information(
    request: HttpRequest, place: ServiceEnvironment, image: Image, form: InformationForm | None = None
) -> HttpResponse:
    form = form or InformationForm(
        initial=defaults_of(place) | {n: request.GET[n] for n in InformationForm.base_fields if n in request.GET}
    )
    config = config_asked(place, request.GET)
    # Asked for here already, so that the next step has the answers.
    ahead.ask(image, place.current_image, set(place.instances.filter(removed=None).values_list("host", flat=True)))
    context = frame(request, place, "deploy") | {
        "step": 2,
        "image": image,
        "config": config,
        "form": form,
        "keep": carried(request.GET),
        "keep_query": urlencode(carried(request.GET)),
        "there": place.instances.filter(removed=None).count(),
        "fixed": planning.segment_of(place) is not None
        or place.instances.filter(removed=None, address__isnull=False).exists(),
        "news": images.between(place, place.current_image, image),
    }
    return render(request, "containers/deploy_information.html", context, status=400 if form.errors else 200)


def commits(place: ServiceEnvironment, old: Image | None, new: Image) -> list[Any]:
    """The commits that the new image has and the running one has not."""
    if old is None or not old.revision or not new.revision or old.pk == new.pk:
        return []
    return difference(place.service.project, old.revision, new.revision)


def preview(
    request: HttpRequest, place: ServiceEnvironment, image: Image, form: InformationForm, config: ConfigVersion | None
) -> Plan:
    """The plan with the newest settings, or with those of an earlier version. Raises Refused, Denied."""
    data = request.POST if request.method == "POST" else request.GET
    reason = form.cleaned_data["why"] or guards.first_line(place, image)
    actor = actor_of(request)
    chosen: dict[str, Any] = {"addresses": chosen_of(data), "hosts": hosts_of(data)}
    return releases.preview(actor, place, image, form.policy(), config=config, reason=reason, **chosen)


def _plan(
    request: HttpRequest,
    place: ServiceEnvironment,
    image: Image,
    changed: list[str] | None = None,
    *,
    refusal: str = "",
    when: WhenForm | None = None,
) -> HttpResponse:
    data = request.POST if request.method == "POST" else request.GET
    form = form_of(place, data)
    if not form.is_valid():
        return _information(request, place, image, form)
    config = config_asked(place, data)
    plan = None
    try:
        plan = preview(request, place, image, form, config)
    except Refused as refused:
        refusal = refusal or refused.message
    pv = gather.of(place, plan, image, config) if plan is not None else None
    hosts = pulls.hosts_of(plan) if plan is not None else []
    context = frame(request, place, "deploy") | {
        "step": 3,
        "image": image,
        "plan": plan,
        "form": form,
        "keep": carried(data),
        "keep_plan": {name: value for name, value in carried(data).items() if name in CARRIED},
        "offered": offered(place, plan),
        "hosts_offered": hosts_offered(place, plan),
        "keep_query": urlencode(carried(data)),
        "config": config or place.config,
        "config_asked": config,
        "changes": changes(place.current_config, config or place.config) if place.current_config else [],
        "pv": pv,
        "ahead": ahead_of(place, image, hosts) if plan is not None else None,
        "news": pv["image"] if pv is not None else images.between(place, place.current_image, image),
        "holder": holders.held_by(place),
        "changed": changed or [],
        "refusal": refusal,
        "mark": seal(mark_of(plan, place, config, image, plan.guards), place) if plan else "",
        "deploy_words": _words(plan),
        "how": [
            *policy_words(form.policy() | ({"size": plan.batch_size} if plan else {}), "deploy"),
            (_("Traffic"), traffic_words(config_of(config or place.config).traffic)),
        ],
        "batches": pv["capacity"] if pv is not None else [],
        "stops_all": stops_all(plan),
        "guards": guards.Guards(actor_of(request), place, plan, data),
        "when": When(place, plan, when or (WhenForm(data) if "when" in data else None)),
    }
    status = 409 if changed or refusal else 400 if when is not None and when.errors else 200
    return render(request, "containers/deploy_plan.html", context, status=status)


def _words(plan: Plan | None) -> dict[str, int]:
    entries = plan.entries if plan else ()
    return {
        "replace": sum(e.action == "replace" for e in entries),
        "add": sum(e.action == "add" for e in entries),
        "remove": sum(e.action == "remove" for e in entries),
        "hosts": len({e.host for e in entries}),
        "batches": plan.batches if plan else 0,
        "unfit": sum(bool(e.problem) for e in entries),
    }


def _check(request: HttpRequest, place: ServiceEnvironment) -> HttpResponse:
    """The plan again, with the addresses and hosts that were typed."""
    image = image_of(place, request.POST.get("image"))
    if image is None:
        return redirect("containers:deploy", place.service.slug, place.environment.slug)
    return _plan(request, place, image)


def _deploy(request: HttpRequest, place: ServiceEnvironment) -> HttpResponse:
    image = image_of(place, request.POST.get("image"))
    if image is None:
        messages.error(request, _("Choose a version first."))
        return redirect("containers:deploy", place.service.slug, place.environment.slug)
    form = form_of(place, request.POST)
    if not form.is_valid():
        return _information(request, place, image, form)
    config = config_asked(place, request.POST)
    when = WhenForm(request.POST)
    broken = guards.glass_of(request.POST)
    if broken is None and not when.is_valid():
        return _plan(request, place, image, when=when)
    try:
        choices = planning.choices(place, chosen_of(request.POST))
        needs_reason = any(one.rests for one in choices.values())  # then a person has to say why
        asked: dict[str, Any] = {
            "policy": form.policy(),
            "reason": form.cleaned_data["why"] or ("" if needs_reason else guards.first_line(place, image)),
            "config": config,
            "addresses": chosen_of(request.POST),
            "hosts": hosts_of(request.POST),
            "shown": unseal(request.POST.get("mark", ""), place),
        }
        if broken is None and when.cleaned_data["when"] != "now":
            row = waiting.wait(actor_of(request), place, image, not_before=when.cleaned_data["at"], **asked)
        else:
            row = releases.deploy(actor_of(request), place, image, broken=broken, **asked)
    except Stale as stale:
        return _plan(request, place, image, stale.changed, when=when)
    except Refused as refused:
        return _plan(request, place, image, refusal=refused.message, when=when)
    return redirect("containers:release", row.pk)


def ahead_of(place: ServiceEnvironment, image: Image, hosts: list[int]) -> dict[str, Any]:
    """What is known of what would be pulled; workers are asked for what is not, and the page waits for nothing."""
    pending = ahead.ask(image, place.current_image, hosts)
    return {
        "pulls": pulls.of(image, hosts),
        "packages": contents.between(place.current_image, image),
        "pending": pending,
        "asks": ",".join(map(str, hosts)),
    }


@require_GET
def ahead_part(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The card of what is pulled, as it is known now. `hosts`: keys, with commas between."""
    place = get_place(actor_of(request), slug, environment)
    image = image_of(place, request.GET.get("image"))
    if image is None:
        raise Http404
    asked = request.GET.get("hosts", "").split(",")[:MOST_HOSTS]
    keys = [int(one) for one in asked if one.isascii() and one.isdigit() and len(one) < 12]
    hosts = sorted(Host.objects.filter(pk__in=keys).values_list("pk", flat=True))
    context = frame(request, place, "deploy") | {"image": image, "ahead": ahead_of(place, image, hosts)}
    return render(request, "containers/_preview_ahead.html", context)


@require_GET
def commit_list(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The commits between what runs and one version: asked for a row when somebody wants to see them."""
    place = get_place(actor_of(request), slug, environment)
    image = image_of(place, request.GET.get("image"))
    if image is None:
        raise Http404
    old = place.current_image
    context = {
        "place": place,
        "image": image,
        "newer": commits(place, old, image),
        "older": commits(place, image, old) if old is not None else [],
    }
    return render(request, "containers/_commits.html", context)


@require_POST
def fetch(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Looks into the repository now, for commits that nobody has built yet."""
    place = get_place(actor_of(request), slug, environment)
    try:
        fetch_now(actor_of(request), place.service.project)
        messages.success(request, _("The repository was asked just now."))
    except Refused as refused:
        messages.error(request, refused.message)
    address = reverse("containers:deploy", args=[slug, environment])
    keep = {k: request.POST[k] for k in ("q", "all") if request.POST.get(k)}
    return redirect(f"{address}?{urlencode(keep)}" if keep else address)


@require_POST
def discard(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """Discards an image from the version list."""
    place = get_place(actor_of(request), slug, environment)
    image = image_of(place, request.POST.get("image"))
    try:
        if image is None:
            raise Refused(_("There is no such image."), "image", 400)
        discard_image(actor_of(request), image)
        messages.success(request, _("%(tag)s is discarded.") % {"tag": image.tag})
    except Refused as refused:
        messages.error(request, refused.message)
    address = reverse("containers:deploy", args=[slug, environment])
    keep = {k: request.POST[k] for k in ("q", "all") if request.POST.get(k)}
    return redirect(f"{address}?{urlencode(keep)}" if keep else address)
