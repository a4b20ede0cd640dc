"""Find anything: an IP, a MAC, an instance, service, host, container id, commit hash, tag or release number."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from django.db.models import Q
from django.utils.translation import gettext as _

from builds.models import Build, Image
from containers.models import Container, Deployment, Environment, Instance, Service, ServiceEnvironment
from hosts import unseen
from hosts.models import Address, Host, SeenContainer, Segment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible

EACH = 8  # of one kind; the lists of the apps have the rest
HEX = re.compile(r"[0-9a-f]{6,64}")
MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}")


@dataclass(frozen=True)
class Hit:
    kind: str
    icon: str
    title: str
    text: str
    url: str
    state: str = ""
    exact: bool = False


def find(actor: Actor, q: str, limit: int = 60) -> list[Hit]:
    """What fits, the surest first, nothing twice. An empty question gives places to go."""
    q = q.strip()
    if not q:
        return list(_places(actor))[:limit]
    seen: set[str] = set()
    found = []
    for hit in _all(actor, q):
        if hit.url not in seen:
            seen.add(hit.url)
            found.append(hit)
        if len(found) >= limit:
            break
    return sorted(found, key=lambda hit: not hit.exact)


def _all(actor: Actor, q: str) -> Iterator[Hit]:
    low = q.lower()
    yield from _releases(actor, low)
    yield from _addresses(actor, low)
    yield from _names(actor, low)
    if HEX.fullmatch(low.removeprefix("sha256:")):
        yield from _hashes(actor, low.removeprefix("sha256:"))
    yield from _tags(actor, q)


def _instance(instance: Instance, text: str, exact: bool = False) -> Hit:
    return Hit("instance", "box", instance.name, text, f"/instances/{instance.pk}/", instance.state, exact)


def _releases(actor: Actor, q: str) -> Iterator[Hit]:
    number = q.removeprefix("release").strip().removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 10:
        for d in (
            visible(actor, Deployment).filter(pk=int(number)).select_related("place__service", "place__environment")
        ):
            title = _("Release %(n)s") % {"n": d}
            yield Hit("release", "rocket", title, str(d.place), f"/releases/{d.pk}/", d.state, True)
        for b in visible(actor, Build).filter(pk=int(number)):
            exact = q.startswith("build")
            yield Hit("build", "hammer", _("Build #%(n)s") % {"n": b.pk}, b.tag, f"/builds/{b.pk}/", b.state, exact)


def _addresses(actor: Actor, q: str) -> Iterator[Hit]:
    mac = q.replace("-", ":") if MAC.fullmatch(q) else ""
    partial = re.fullmatch(r"[0-9.]{4,}|[0-9a-f:]{6,}", q) is not None and ("." in q or ":" in q)
    if not mac and not partial:
        return
    try:
        whole = bool(ipaddress.ip_address(q))
    except ValueError:
        whole = False
    by = Q(mac=mac) if mac else (Q(ip=q) if whole else Q(ip__startswith=q) | Q(mac__startswith=q))
    exact = bool(mac) or whole
    instances = (
        visible(actor, Instance).filter(removed=None).select_related("place__service", "place__environment", "address")
    )
    held = (
        Q(address__mac=mac)
        if mac
        else (
            (Q(address__ip=q) | Q(ip=q))
            if whole
            else (Q(address__ip__startswith=q) | Q(ip__startswith=q) | Q(address__mac__startswith=q))
        )
    )
    for instance in instances.filter(held)[:EACH]:
        where = instance.address.ip if instance.address else instance.ip
        yield _instance(instance, where, exact)
    for address in Address.objects.filter(by, instance=None).select_related("segment")[:EACH]:
        unseen.address(actor, address)
        text = address.holder or address.note or address.segment.slug
        url = f"/network/{address.segment.slug}/#{address.ip}"
        yield Hit("address", "network", address.ip, text, url, address.state, exact)
    for c in SeenContainer.objects.filter(by, ours=False).select_related("host")[:EACH]:
        yield Hit("container", "container", c.name, f"{c.host} · {c.ip}", f"/hosts/{c.host.name}/", c.state)


def _names(actor: Actor, q: str) -> Iterator[Hit]:
    slug, _sep, env = q.partition("/")
    if env:
        for e in Environment.objects.filter(
            slug__startswith=env, places__in=visible(actor, ServiceEnvironment).filter(service__slug=slug)
        )[:EACH]:
            yield Hit("service", "box", f"{slug}/{e.slug}", str(e), f"/services/{slug}/{e.slug}/", "", e.slug == env)
    for s in visible(actor, Service).filter(removed=None).filter(Q(slug__icontains=q) | Q(title__icontains=q))[:EACH]:
        text = s.title or (s.team.slug if s.team else "")
        yield Hit("service", "package", s.slug, text, f"/services/{s.slug}/", "", s.slug == q)
    for h in Host.objects.filter(Q(name__icontains=q) | Q(address__icontains=q))[:EACH]:
        yield Hit("host", "server-2", h.name, h.address, f"/hosts/{h.name}/", h.shown_state, h.name == q)
    for g in Segment.objects.filter(Q(slug__icontains=q) | Q(cidr__startswith=q))[:EACH]:
        yield Hit("segment", "network", g.slug, g.cidr, f"/network/{g.slug}/", "", g.slug == q)
    named = re.fullmatch(r"(?P<slug>[a-z0-9-]+?)[-/](?P<env>[a-z0-9-]+)[-/](?P<n>\d{1,6})", q)
    if named:
        # The name may be cut at several dashes: the database knows which cut is real.
        parts = re.split(r"[-/]", q)
        for cut in range(1, len(parts) - 1):
            rows = (
                visible(actor, Instance)
                .filter(
                    removed=None,
                    place__service__slug="-".join(parts[:cut]),
                    place__environment__slug="-".join(parts[cut:-1]),
                    number=int(parts[-1]),
                )
                .select_related("place__service", "place__environment", "host")
            )
            for instance in rows:
                yield _instance(instance, str(instance.host), True)


def _hashes(actor: Actor, q: str) -> Iterator[Hit]:
    containers = (
        visible(actor, Container)
        .filter(engine_id__startswith=q)
        .select_related("instance__place__service", "instance__place__environment", "host")
    )
    for c in containers[:EACH]:
        yield _instance(c.instance, _("container %(id)s on %(host)s") % {"id": c.engine_id[:12], "host": c.host}, True)
    for seen in SeenContainer.objects.filter(engine_id__startswith=q, ours=False).select_related("host")[:EACH]:
        yield Hit("container", "container", seen.name, str(seen.host), f"/hosts/{seen.host.name}/", seen.state)
    for b in visible(actor, Build).filter(revision__startswith=q).select_related("project")[:EACH]:
        text = f"{b.revision[:8]} {b.commit_message.splitlines()[0][:60] if b.commit_message else ''}"
        yield Hit("build", "git-commit", b.tag or f"#{b.pk}", text, f"/builds/{b.pk}/", b.state)
    for i in visible(actor, Image).filter(Q(digest__startswith=f"sha256:{q}") | Q(image_id__startswith=f"sha256:{q}"))[
        :EACH
    ]:
        yield Hit("image", "stack-2", i.tag, i.digest[:19], f"/images/{i.pk}/", i.state)


def _tags(actor: Actor, q: str) -> Iterator[Hit]:
    if len(q) < 3:
        return
    tag = q.rpartition(":")[2] or q
    for b in visible(actor, Build).filter(Q(tag__icontains=tag) | Q(branch=q)).select_related("project")[:EACH]:
        name = b.tag or f"#{b.pk}"
        yield Hit("build", "tag", name, b.branch, f"/builds/{b.pk}/", b.state, bool(b.tag) and b.tag in {q, tag})


def _places(actor: Actor) -> Iterator[Hit]:
    for url, icon, title in (
        ("/services/", "package", _("All services")),
        ("/builds/", "hammer", _("Builds")),
        ("/hosts/", "server-2", _("Hosts")),
        ("/network/", "network", _("Network")),
        ("/audit/", "clipboard-list", _("Audit log")),
        ("/settings/", "settings", _("Settings")),
    ):
        yield Hit("page", icon, title, "", url)
    for s in islice(visible(actor, Service).filter(removed=None).order_by("slug"), EACH):
        yield Hit("service", "package", s.slug, s.title, f"/services/{s.slug}/")
