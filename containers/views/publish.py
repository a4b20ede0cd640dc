"""An image of an instance: what it will have and what not, then the click that begins it."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from containers.services import publishing
from containers.views.access import get_instance
from containers.views.run import frame
from containers.views.settings import config_of
from xqplatform.accounts.http import actor_of, put_refusal
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


class PublishForm(forms.Form):
    note = forms.CharField(
        label=_("Note"), max_length=500, required=False, help_text=_("What was changed inside, and why it is kept.")
    )


@require_http_methods(["GET", "POST"])
def publish(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    instance = get_instance(actor, number)
    require(actor, "service.terminal", **instance.place.at, obj=instance)
    if instance.removed:
        return redirect("containers:instance", instance.pk)
    form = PublishForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = publishing.publish(actor, instance, form.cleaned_data["note"])
            return redirect("builds:import", row.pk)
        except Refused as refused:
            put_refusal(form, refused)
    container = instance.current
    context = frame(request, instance.place, "run") | {
        "instance": instance,
        "form": form,
        "image": container.image if container else None,
        "volumes": config_of(container.config if container else instance.place.config).volumes,
    }
    return render(request, "containers/publish.html", context, status=400 if form.errors else 200)
