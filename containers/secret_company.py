"""The list's other half: secrets that no team owns, of registries, hosts, channels and providers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from builds.models import Registry
from containers.secret_list import Events, Row, row_of
from hosts.models import Authority, Host
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import somewhere
from xqplatform.accounts.signin.models import Provider
from xqplatform.alerts.models import Channel

FEW = 3  # users that are named
ALL_OF_THEM = ("secrets.manage", "audit.read")  # who sees all of them


def may_see(actor: Actor) -> bool:
    """Whether the actor sees any of the company's own secrets in the list."""
    return any(somewhere(actor, right) for right in (*ALL_OF_THEM, *COMPANY))


def rows(actor: Actor) -> list[Row]:
    """Those that no team owns, as far as the actor manages them or looks after all."""
    every = any(somewhere(actor, right) for right in ALL_OF_THEM)
    return [row for right, read in COMPANY.items() if every or somewhere(actor, right) for row in read()]


def _registries() -> list[Row]:
    rows = list(Registry.objects.exclude(password="").prefetch_related("projects"))
    told, link = Events(Registry, rows), reverse("builds:registries")
    return [
        row_of(
            _("password"),
            _("registry %(name)s") % {"name": row.name},
            link,
            told.last(row, "password"),
            _few(row.projects.all()),
        )
        for row in rows
    ]


def _hosts() -> list[Row]:
    rows, found = list(Host.objects.order_by("name").select_related("ssh_access")), []
    told = Events(Host, rows)
    for row in rows:
        of, link = _("host %(name)s") % {"name": row.name}, reverse("hosts:host", args=[row.name])
        for column in ("key", "ssh_key"):
            if getattr(row, column):
                users = (row.get_connection_display(),)
                found.append(
                    row_of(
                        _("client key") if column == "key" else _("SSH key"), of, link, told.last(row, column), users
                    )
                )
        access = getattr(row, "ssh_access", None)
        if access is not None:
            users = (_("operations as %(user)s") % {"user": access.user},)
            found.append(row_of(_("SSH login"), of, link, told.last(row, "key", {"host.ssh.set"}), users))
    return found + _authorities()


def _authorities() -> list[Row]:
    rows = list(Authority.objects.exclude(key=""))
    told, link = Events(Authority, rows), reverse("hosts:certificates")
    return [
        row_of(
            _("key"),
            _("authority %(name)s") % {"name": row.name},
            link,
            told.last(row, ""),
            (_("certificates of engines"),),
        )
        for row in rows
    ]


def _channels() -> list[Row]:
    rows = list(Channel.objects.shared().prefetch_related("rules"))
    told, link, found = Events(Channel, rows), reverse("alerts:channels"), []
    for row in rows:
        of = _("channel %(name)s") % {"name": row.name}
        users = (*_few(row.rules.all()), *([_("every rule that names no channel")] if row.default else []))
        found.append(row_of(_("address"), of, link, told.last(row, "address"), users))
        if row.secret:
            found.append(row_of(_("signing secret"), of, link, told.last(row, "secret"), users))
    return found


def _providers() -> list[Row]:
    rows = list(Provider.objects.exclude(secret=""))
    told = Events(Provider, rows)
    return [
        row_of(
            _("client secret"),
            _("provider %(name)s") % {"name": row.name},
            reverse("accounts:oidc_provider", args=[row.slug]),
            told.last(row, "secret"),
            (_("signing in"),),
        )
        for row in rows
    ]


def _few(rows: Iterable[Any]) -> tuple[str, ...]:
    names = [str(row) for row in rows]
    more = len(names) - FEW
    return (*names[:FEW], *([_("%(n)d more") % {"n": more}] if more > 0 else []))


# Who sees which of them.
COMPANY: dict[str, Callable[[], list[Row]]] = {
    "registry.manage": _registries,
    "host.manage": _hosts,
    "alerts.manage": _channels,
    "people.manage": _providers,
}
