"""The verbs of registries."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Registry
from builds.registry import Client, RegistryError, check_address
from builds.services.checks import clean, text
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.audit.secret_uses import used
from xqplatform.errors import Refused
from xqplatform.secrets import known

_SHOWN = ("name", "address", "username", "insecure", "default")


def save_registry(actor: Actor, registry: Registry | None, data: dict[str, Any]) -> Registry:
    """Connects a registry or changes one. An empty password leaves the old one. Raises Denied, Refused."""
    require(actor, "registry.manage", obj=registry)
    row = registry or Registry()
    before = {key: getattr(row, key) for key in _SHOWN}
    old_address = row.address
    row.name = text(data, "name", default=row.name)
    row.address = text(data, "address", default=row.address).rstrip("/")
    row.username = text(data, "username", default=row.username)
    row.ca = text(data, "ca", default=row.ca)
    row.insecure = bool(data.get("insecure", row.insecure))
    row.default = bool(data.get("default", row.default))
    password = text(data, "password", strip=False)
    if password or not row.username:
        row.password = password
    elif registry is not None and row.address != old_address and row.password:
        raise Refused(_("For another address the password must be given again."), field="password", code=400)
    clean(row)
    problem = check_address(row.address)
    if problem:
        raise Refused(problem, field="address", code=400)
    if row.ca and "BEGIN CERTIFICATE" not in row.ca:
        raise Refused(_("A CA certificate is PEM text (-----BEGIN CERTIFICATE-----)."), field="ca", code=400)
    if registry is not None and row.address != old_address and registry.images.exists():
        raise Refused(_("Images lie there: connect the new address as another registry."), field="address")
    with transaction.atomic():
        if not Registry.objects.exclude(pk=row.pk).filter(default=True).exists():
            row.default = True  # the first one, and there is always one
        elif row.default:
            Registry.objects.exclude(pk=row.pk).update(default=False)
        row.state = Registry.State.NEW
        row.save()
        changes = audit.changed(before if registry else {}, {key: getattr(row, key) for key in _SHOWN})
        if password:
            changes[1]["password"] = "•••"  # noqa: S105
        audit.record(
            actor, "registry.change" if registry else "registry.create", row, before=changes[0], after=changes[1]
        )
        live.bump("registries")
    return row


def remove_registry(actor: Actor, registry: Registry) -> None:
    """Forgets a registry. Raises Refused while images lie in it or projects name it."""
    require(actor, "registry.manage", obj=registry)
    images = registry.images.exclude(state="discarded").count()
    if images:
        raise Refused(_("%s images lie there: discard them first.") % images)
    with transaction.atomic():
        audit.record(actor, "registry.remove", registry, before={key: getattr(registry, key) for key in _SHOWN})
        registry.images.update(registry=None)
        try:
            registry.delete()
        except ProtectedError:
            raise Refused(_("Projects name this registry: give them another one first.")) from None
        other = Registry.objects.first()
        if other is not None and not Registry.objects.filter(default=True).exists():
            Registry.objects.filter(pk=other.pk).update(default=True)
        live.bump("registries")


def check_now(actor: Actor, registry: Registry) -> str:
    """The same because somebody asks. Raises Denied."""
    require(actor, "registry.manage", obj=registry)
    if registry.password:
        used(actor, registry, "password")
    return check_registry(registry)


def check_registry(registry: Registry) -> str:
    """Asks the registry, stores how it is, and returns the problem (empty: ready)."""
    try:
        Client(registry).check()
        state, reason = Registry.State.READY, ""
    except RegistryError as error:
        state, reason = Registry.State.DOWN, known.platform()(error.message)
    changed = registry.state != state or registry.state_reason != reason
    if registry.state != state or registry.state_since is None:
        registry.state_since = timezone.now()
    registry.state, registry.state_reason = state, reason
    if changed:
        Registry.objects.filter(pk=registry.pk).update(
            state=state, state_reason=reason, state_since=registry.state_since
        )
        live.bump("registries")
    return reason


def registry_of(registry: Registry | None) -> Registry | None:
    """The registry itself, or the default one, or none."""
    return registry or Registry.objects.filter(default=True).first()
