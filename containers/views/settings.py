"""Settings of a service in an environment: the form, the list of versions, the difference of two."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from containers import live_limits
from containers.config import Config, difference, parse
from containers.forms import ConfigForm, VersionsForm, initial_of
from containers.models import ConfigVersion, ServiceEnvironment
from containers.services import catalog, new_limits
from containers.services import settings as verbs
from containers.views.access import get_place
from containers.views.run import frame
from hosts.models import Segment
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

PROPOSED = ("cpus", "memory")


def config_of(version: ConfigVersion | None) -> Config:
    """The settings of a version; the defaults where there is none, or where an old version is not valid any more."""
    try:
        return parse(version.content) if version is not None else Config()
    except Refused:
        return Config()


def changes(old: ConfigVersion | None, new: ConfigVersion | None) -> list[tuple[str, Any, Any]]:
    """(setting, before, after) of two versions; a secret that got another value is named without it."""
    found = difference(config_of(old), config_of(new))
    if old is not None and new is not None:
        before, after = verbs.secrets_of(old), verbs.secrets_of(new)
        for name in sorted(before.keys() & after.keys()):
            if before[name] != after[name]:
                found.append((f"secret.{name}", "••••", _("another value")))
    return found


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    actor = actor_of(request)
    newest = place.config
    config = config_of(newest)
    names = tuple(config.secret_names)
    # Who comes from the calculator brings limits along, which are typed in and not saved.
    proposed = {name: request.GET[name][:20] for name in PROPOSED if name in request.GET}
    initial = initial_of(config) | proposed
    form = ConfigForm(request.POST or None, place=place, secret_names=names, initial=initial)
    if request.method == "POST":
        require(actor, "service.change", **place.at, obj=place)
        if form.is_valid():
            try:
                saved = verbs.save_config(
                    actor, place, form.content() | {"secrets": form.replaced}, form.cleaned_data["reason"]
                )
            except Refused as refused:
                form.add_refusal(refused)
            else:
                told(request, place, saved, newest)
                return redirect("containers:settings", slug, environment)
    compared = _compared(request, place)
    context = frame(request, place, "settings") | {
        "form": form,
        "versions": place.configs.all()[:50],
        "compared": compared,
        "segments": Segment.objects.all(),
    }
    return render(request, "containers/settings.html", context, status=400 if form.errors else 200)


def told(request: HttpRequest, place: ServiceEnvironment, saved: ConfigVersion, before: ConfigVersion | None) -> None:
    if before is not None and saved.pk == before.pk:
        messages.info(request, _("Nothing differs from %(v)s; nothing was saved.") % {"v": saved})
    else:
        messages.success(request, _("Saved as %(v)s. It takes effect with the next release.") % {"v": saved})
        place.refresh_from_db()
        found = new_limits.live_changes(place)
        if found and not live_limits.refusal(found):
            words = _("Only limits differ from what runs: the run page can apply them without a restart.")
            if live_limits.aside(found):
                words = _("It needs no new container: the run page can apply it, past the guardrails of a release.")
            messages.info(request, words)


def _compared(request: HttpRequest, place: ServiceEnvironment) -> dict[str, Any] | None:
    """What `?a=1&b=2` asks to compare; None when it names no two versions of this place."""
    if "a" not in request.GET:
        return None
    form = VersionsForm(request.GET, place=place)
    if not form.is_valid():
        return None
    a, b = form.cleaned_data["a"], form.cleaned_data["b"]
    if a.version > b.version:
        a, b = b, a
    return {"a": a, "b": b, "changes": changes(a, b)}


@require_http_methods(["POST"])
def place_change(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The branch that is built for this environment, and the segment of new instances."""
    place = get_place(actor_of(request), slug, environment)
    data = {k: request.POST[k].replace("\x00", "") for k in ("branch", "segment") if k in request.POST}
    try:
        catalog.change_place(actor_of(request), place, data)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("Saved."))
    return redirect("containers:settings", slug, environment)
