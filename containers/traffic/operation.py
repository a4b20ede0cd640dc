"""The operation that puts a place's upstream file on one host of a front. It reads rows when it acts, not when it was asked for."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.models import Serving, Upstream
from containers.traffic import render, script
from containers.traffic.names import namesake
from hosts import shell
from hosts.models import HostOperation
from hosts.operations import Failed, Run, operation
from xqplatform import live

KIND = "nginx.upstream"


def _title(row: HostOperation) -> str:
    return str(_("nginx upstream of %(place)s") % {"place": row.params.get("place", "?")})


@operation(KIND, title=gettext_lazy("Put an nginx upstream in place"), describe=_title, exclusive=False)
def put(run: Run) -> None:
    """Puts the newest file there, if the one that is there is older. Safe to repeat, also long after."""
    known = Upstream.objects.select_related("place__service", "place__environment", "front")
    upstream = known.filter(pk=int(run.params.get("upstream") or 0)).first()
    if upstream is None:
        raise Failed(_("There is no such upstream any more."))
    if other := namesake(upstream.place, upstream.front.slug):
        words = _("The file %(path)s is that of %(place)s: one of the two needs a service of another name.")
        upstream_words = words % {"path": path_of(upstream), "place": other}
        Upstream.objects.filter(pk=upstream.pk).update(trouble=upstream_words, tried=timezone.now())
        raise Failed(upstream_words)
    generation, text = current(upstream)
    if upstream.applied >= generation:
        run.say(_("Generation %(n)s is there already.") % {"n": upstream.applied})
        return
    Upstream.objects.filter(pk=upstream.pk).update(tried=timezone.now())
    try:
        with run.step("put", _("Write the file, test the configuration, reload nginx")):
            generation, text = _until_ours(run, upstream, generation, text)
    except Exception as error:
        words = str(getattr(error, "words", "") or error)
        Upstream.objects.filter(pk=upstream.pk).update(trouble=words[:2000])
        raise
    run.say(text)


def _until_ours(run: Run, upstream: Upstream, generation: int, text: str) -> tuple[int, str]:
    """Puts what is wanted there. A newer file than rows know of is of another life (a service of this name that was removed,
    rows that were restored from a backup): rows are right, so they count on from it.
    """
    for _attempt in range(3):
        there = _put(run, upstream, generation, text)
        if there is None:
            return generation, text
        Upstream.objects.filter(pk=upstream.pk, wanted__lte=there).update(wanted=there + 1)
        generation, text = current(upstream)
    raise Failed(_("Somebody else writes the file on %(host)s, too.") % {"host": run.host})


def _put(run: Run, upstream: Upstream, generation: int, text: str) -> int | None:
    """One try; the generation of a newer file that stands there instead."""
    front = upstream.front
    path = path_of(upstream)
    words: list[Any] = [path, generation, len(text.encode()), front.program, front.conf, front.pid, script.SECONDS]
    with shell.connect(run.host, check=run.check) as sh:
        argv = ["sh", "-c", script.APPLY, "sh", *map(str, words)]
        ran = sh.run(argv, stdin=text, timeout=script.SECONDS + 60)
    answer = script.read(ran.code, ran.out)
    if answer.what == "failed":
        raise Failed(
            _("%(host)s keeps its old upstream file: %(words)s")
            % {"host": run.host, "words": answer.words or ran.err.strip()[-500:]}
        )
    if answer.what == "newer":
        return int(answer.words)
    if answer.what == "not-running":
        run.note(_("nginx does not run there: it reads the file when it starts."))
    now = timezone.now()
    Upstream.objects.filter(pk=upstream.pk, applied__lt=generation).update(
        applied=generation, text=text, trouble="", at=now
    )
    live.bump("fronts", f"run:{upstream.place.service.slug}:{upstream.place.environment.slug}")
    return None


def path_of(upstream: Upstream) -> str:
    """Where the file is, on the front's host."""
    place = upstream.place
    return render.path_of(upstream.front.folder, place.service.slug, place.environment.slug)


def current(upstream: Upstream) -> tuple[int, str]:
    """The generation that is wanted now, and its text."""
    place = upstream.place
    with transaction.atomic():
        generation = Upstream.objects.values_list("wanted", flat=True).get(pk=upstream.pk)
        found = place.instances.filter(removed=None).select_related("address", "serving").order_by("number")
        servers = []
        for one in found:
            ip = one.address.ip if one.address is not None else one.ip
            if ip:
                serving = getattr(one, "serving", None)
                is_in = serving is not None and serving.state == Serving.State.IN
                port = serving.port if serving is not None and serving.port else upstream.port
                servers.append(render.Server(one.number, f"{ip}:{port}", is_in))
    name = render.name_of(place.service.slug, place.environment.slug)
    return generation, render.render(name, str(place), generation, servers)
