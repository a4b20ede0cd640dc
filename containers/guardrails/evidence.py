"""Where images ran healthy: rows into `proof`, and proof into words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from builds.models import Image
from containers.guardrails.proof import Proof, Rule, Run, prove, same
from containers.guardrails.verdict import Check
from containers.guardrails.windows import moment_words
from containers.models import Container, Deployment, Environment, InstanceEvent, ServiceEnvironment
from xqplatform.web.templatetags.xq import duration

WELL = ("healthy", "running")


def runs_of(place: ServiceEnvironment, images: Sequence[Image], environments: Iterable[str]) -> dict[int, list[Run]]:
    """Of each image (by key) the containers of the same service that were healthy with its digest; four queries in all."""
    known = list(Image.objects.filter(project=place.service.project_id).values_list("pk", "digest", "image_id"))
    twins = {image.pk: set(same(known, (image.pk, image.digest, image.image_id))) for image in images}
    rows = Container.objects.filter(
        instance__place__service=place.service_id,
        instance__place__environment__slug__in=list(environments),
        image__in=set().union(*twins.values()) if twins else set(),
        healthy__isnull=False,
    ).select_related("instance__place__environment")
    found = list(rows)
    broken: dict[int, list[float]] = defaultdict(list)
    happened = InstanceEvent.objects.filter(
        container__in=[row.pk for row in found], kind__in=[InstanceEvent.Kind.OOM, InstanceEvent.Kind.RESTART]
    )
    for pk, first, last in happened.values_list("container_id", "time", "last"):
        if pk is not None:
            broken[pk] += [first.timestamp(), last.timestamp()]
    by_image: dict[int | None, list[Run]] = defaultdict(list)
    for row in found:
        by_image[row.image_id].append(_run(row, broken[row.pk]))
    return {pk: [run for twin in sorted(of) for run in by_image[twin]] for pk, of in twins.items()}


def _run(row: Container, broken: list[float]) -> Run:
    assert row.healthy is not None
    return Run(
        row.instance.place.environment.slug,
        row.instance_id,
        row.healthy.timestamp(),
        row.ended.timestamp() if row.ended else None,
        row.instance.state in WELL,
        tuple(broken),
    )


def proved_here(place: ServiceEnvironment, images: Sequence[Image], rule: Rule, now: float) -> set[int]:
    """The images (by key) that need no proof from elsewhere: a release of their digest succeeded in this very place, and it ran
    here for as long as the rule asks, on as many instances (or all of that release, where it had fewer).
    """
    known = list(Image.objects.filter(project=place.service.project_id).values_list("pk", "digest", "image_id"))
    done = place.deployments.filter(kind=Deployment.Kind.DEPLOY, state=Deployment.State.SUCCEEDED)
    most: dict[int, int] = defaultdict(int)
    for key, wanted in done.exclude(image=None).values_list("image_id", "wanted"):
        most[key] = max(most[key], wanted)
    home, found = place.environment.slug, set[int]()
    runs = runs_of(place, images, [home])
    for image in images:
        released = [most[twin] for twin in same(known, (image.pk, image.digest, image.image_id)) if twin in most]
        if released:
            here = Rule((home,), rule.seconds, max(1, min(rule.instances, max(released))))
            found |= {image.pk} if prove(runs[image.pk], here, now).holds else set()
    return found


def titles(slugs: Iterable[str]) -> dict[str, str]:
    return {one.slug: one.local_title for one in Environment.objects.filter(slug__in=list(slugs))}


def check(place: ServiceEnvironment, image: Image, rule: Rule, now: float, *, back: bool = False) -> Check:
    """The promotion proof of one image, for the plan. `back`: it is the way back to what the newest release replaced."""
    if back:
        return Check("proof", True, _("The way back to what ran before needs no proof."))
    if proved_here(place, [image], rule, now):
        return Check("proof", True, _("It ran healthy in this environment before, so it needs no proof from another."))
    if not rule.environments:
        return Check("proof", False, _("The rule asks for proof, but names no environment in which it could be given."))
    proof = prove(runs_of(place, [image], rule.environments)[image.pk], rule, now)
    names = titles(rule.environments)
    if proof.holds:
        return Check("proof", True, words(proof, names))
    said = _("%(has)s %(wants)s") % {"has": has(proof, names), "wants": wants(rule, names)}
    return Check("proof", False, said, proof.until)


def words(proof: Proof, names: dict[str, str]) -> str:
    """«It ran healthy in Pre-release on 2 instances for 3 h 12 min, until 2026-11-29 11:12 UTC.»"""
    values: dict[str, Any] = {
        "environment": names.get(proof.environment, proof.environment),
        "n": proof.instances,
        "time": duration(proof.seconds),
    }
    if proof.last is None:
        return (
            ngettext(
                "It runs healthy in %(environment)s on %(n)d instance, for %(time)s by now.",
                "It runs healthy in %(environment)s on %(n)d instances, for %(time)s by now.",
                proof.instances,
            )
            % values
        )
    return ngettext(
        "It ran healthy in %(environment)s on %(n)d instance for %(time)s, until %(last)s.",
        "It ran healthy in %(environment)s on %(n)d instances for %(time)s, until %(last)s.",
        proof.instances,
    ) % (values | {"last": moment_words(proof.last)})


def has(proof: Proof, names: dict[str, str]) -> str:
    """What there is, where it is not enough."""
    if not proof.environment:
        return _("This image has not run healthy in %(where)s yet.") % {"where": listed(names.values())}
    return words(proof, names)


def wants(rule: Rule, names: dict[str, str]) -> str:
    """What the rule asks for."""
    values = {"where": listed(names[slug] for slug in rule.environments if slug in names), "n": rule.instances}
    if rule.seconds:
        return ngettext(
            "It must have run healthy in %(where)s on %(n)d instance for %(time)s: release it there first.",
            "It must have run healthy in %(where)s on %(n)d instances for %(time)s: release it there first.",
            rule.instances,
        ) % (values | {"time": duration(rule.seconds)})
    return (
        ngettext(
            "It must have run healthy in %(where)s on %(n)d instance: release it there first.",
            "It must have run healthy in %(where)s on %(n)d instances: release it there first.",
            rule.instances,
        )
        % values
    )


def listed(names: Iterable[str]) -> str:
    found = list(names)
    if len(found) < 2:
        return "".join(found)
    return _("%(first)s or %(last)s") % {"first": ", ".join(found[:-1]), "last": found[-1]}


def of_versions(
    place: ServiceEnvironment, images: Sequence[Image], rule: Rule, now: float
) -> dict[int, dict[str, Any]]:
    """For the version list: whether each image has proved itself, and in which words."""
    names, found = titles(rule.environments), runs_of(place, images, rule.environments)
    at_home = proved_here(place, images, rule, now)
    said = {}
    for image in images:
        proof = prove(found[image.pk], rule, now)
        text = words(proof, names) if proof.environment else ""
        if not text and image.pk in at_home:
            text = _("It ran healthy here before.")
        said[image.pk] = {"holds": proof.holds or image.pk in at_home, "words": text}
    return said
