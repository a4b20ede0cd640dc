"""The form of a train: what it is, and a row a car. Empty rows are no cars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.forms.base import SaneForm
from containers.forms.strategy import WEEK, number_or_share
from containers.models import Car, ServiceEnvironment, Train, TrainTemplate
from containers.trains import choosing
from containers.trains.rows import release_of
from containers.trains.services import MOST_CARS, MOST_STAGES, Wanted, template_cars
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

ROWS = 3  # at least, of which one or two are empty
AS_LAST = ("", gettext_lazy("as the last one"))


class TrainForm(SaneForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    on_failure = forms.ChoiceField(
        label=gettext_lazy("When a release of it fails"),
        choices=Train.OnFailure.choices,
        initial="stop",
        help_text=gettext_lazy("What is under way in its stage is finished, or rolled back; no later stage begins."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It is the reason of each of its releases."),
    )


class CarForm(SaneForm):
    stage = forms.IntegerField(label=gettext_lazy("Stage"), min_value=1, max_value=MOST_STAGES, required=False)
    place = forms.CharField(
        label=gettext_lazy("Service and environment"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"list": "places", "autocomplete": "off", "spellcheck": "false"}),
    )
    version = forms.CharField(
        label=gettext_lazy("Version"),
        max_length=250,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    strategy = forms.ChoiceField(
        label=gettext_lazy("Strategy"),
        required=False,
        choices=[
            AS_LAST,
            ("rolling", gettext_lazy("rolling")),
            ("canary", gettext_lazy("canary")),
            ("blue-green", gettext_lazy("blue/green")),
            ("recreate", gettext_lazy("recreate")),
        ],
    )
    batch = forms.CharField(label=gettext_lazy("At a time"), max_length=5, required=False)
    hold = forms.IntegerField(label=gettext_lazy("A canary holds (s)"), min_value=0, max_value=WEEK, required=False)
    fails = forms.ChoiceField(
        label=gettext_lazy("An instance fails"),
        required=False,
        choices=[
            AS_LAST,
            ("rollback", gettext_lazy("roll all back")),
            ("hold", gettext_lazy("wait for a person")),
            ("stop", gettext_lazy("end there")),
        ],
    )
    wanted: Wanted | None = None
    actor: Actor  # of a form that was sent: whose view of services it is

    def clean_batch(self) -> str:
        text = str(self.cleaned_data["batch"]).strip()
        return number_or_share(text) if text else ""

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        named = str(data.get("place") or "").strip()
        if self.errors or not named:
            if not named and data.get("version"):
                self.add_error("place", _("Name the service and the environment."))
            return data
        try:
            place = place_named(self.actor, named)
            version = data["version"].strip()
            image = choosing.named(place, version) if version else None
            policy = choosing.usual(place) | self._policy()
        except Refused as refused:
            self.add_refusal(refused)
        else:
            self.wanted = Wanted(data.get("stage") or 1, place, image, policy)
        return data

    def _policy(self) -> dict[str, Any]:
        """What the row says otherwise than the last release there."""
        data = self.cleaned_data
        said = {"strategy": data["strategy"], "batch": data["batch"], "hold": data["hold"], "on_failure": data["fails"]}
        return {name: value for name, value in said.items() if value not in {"", None}}


def place_named(actor: Actor, text: str) -> ServiceEnvironment:
    """The place of «service/environment». Raises Refused."""
    service, _slash, environment = text.partition("/")
    rows = visible(actor, ServiceEnvironment).select_related("service", "environment", "current_image", "config")
    found = rows.filter(
        service__slug=service.strip(), environment__slug=environment.strip(), service__removed=None
    ).first()
    if found is None:
        raise Refused(_("There is no «%(name)s»: write service/environment.") % {"name": text[:100]}, "place", 400)
    return found


def typed(actor: Actor, data: Mapping[str, Any]) -> list[CarForm]:
    """The rows as they were sent, up to as many as a train may have."""
    count = str(data.get("rows", ""))
    rows = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else ROWS
    found = [CarForm(data, prefix=f"c{n}") for n in range(max(ROWS, min(rows, MOST_CARS)))]
    for form in found:
        form.actor = actor
    return found


def empty(initial: Sequence[Mapping[str, Any]] = (), more: int = 2) -> list[CarForm]:
    """Rows to be filled in, after those that are filled already."""
    rows = [CarForm(prefix=f"c{n}", initial=dict(one)) for n, one in enumerate(initial[:MOST_CARS])]
    upto = min(MOST_CARS, max(ROWS, len(rows) + more))
    return [*rows, *(CarForm(prefix=f"c{n}") for n in range(len(rows), upto))]


def row_of(car: Car, *, keep_image: bool = True) -> dict[str, Any]:
    """A car as its row of the form."""
    version = car.image.tag if keep_image and car.image is not None and not car.newest else ""
    return _row(car.stage, car.place, version, car.policy)


def row_of_wanted(car: Wanted) -> dict[str, Any]:
    return _row(car.stage, car.place, car.image.tag if car.image is not None else "", car.policy or {})


def rest_of(cars: Sequence[Car]) -> list[Car]:
    """Those that have not succeeded."""
    return [car for car in cars if release_of(car) != "good"]


def rows_of_template(row: TrainTemplate) -> list[dict[str, Any]]:
    return [_row(car["stage"], place, "", car["policy"]) for place, car in template_cars(row)]


def _row(stage: int, place: ServiceEnvironment, version: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    canary = policy.get("strategy") == "canary"
    return {
        "stage": stage,
        "place": f"{place.service.slug}/{place.environment.slug}",
        "version": version,
        "strategy": policy.get("strategy", ""),
        "batch": policy.get("batch", ""),
        "hold": f"{policy['hold']:g}" if canary and policy.get("hold") else "",
        "fails": policy.get("on_failure", ""),
    }
