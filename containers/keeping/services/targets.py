"""The verbs of stores: set up, change, try out, remove."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.keeping import parts, sealing
from containers.keeping.models import Backup, BackupTarget, Snapshot
from containers.keeping.parts import manifest_key
from containers.keeping.stores import StoreError
from containers.keeping.stores.opening import open_store, try_out
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

MANAGING = "backup.manage"
MOST_OTHERS = 10
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,98}")
PREFIX = re.compile(r"[A-Za-z0-9._/-]*")
PLAIN = ("endpoint", "region", "bucket", "key_prefix", "access_key", "ca", "others")  # fields that are shown
LENGTHS = {
    "endpoint": 250,
    "region": 60,
    "bucket": 100,
    "key_prefix": 200,
    "access_key": 200,
    "secret_key": 500,
    "ca": 20_000,
}


def create(actor: Actor, data: Mapping[str, Any]) -> BackupTarget:
    """`data`: name, kind, and for S3 endpoint, region, bucket, key_prefix, access_key, secret_key, ca; `others`: public keys that open its backups, too. It is tried out first: one that
    cannot be used is refused. Raises Denied, Refused.
    """
    require(actor, MANAGING)
    name, kind = str(data.get("name") or "").strip(), str(data.get("kind") or "")
    if not NAME.fullmatch(name):
        raise Refused(_("A name of a-z, 0-9 and «-», at most 40 characters."), "name", 400)
    if kind not in BackupTarget.Kind.values:
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": ", ".join(BackupTarget.Kind.values)}, "kind", 400)
    key = sealing.new_key()
    row = BackupTarget(name=name, kind=kind, key=key, recipient=sealing.recipient(key), author_name=actor.name)
    _fill(row, data)
    if BackupTarget.objects.filter(name=name).exists():
        raise Refused(_("There is a store of this name already."), "name")
    _tried(row)
    try:
        with transaction.atomic():
            row.save()
            audit.record(actor, "backup.target.create", row, after=_shown(row))
    except IntegrityError:
        raise Refused(_("There is a store of this name already."), "name") from None
    return row


def change(actor: Actor, row: BackupTarget, data: Mapping[str, Any]) -> BackupTarget:
    """The same fields but name and kind; a secret key that is left empty stays. Raises Denied, Refused."""
    require(actor, MANAGING)
    before, old_secret = _shown(row), row.secret_key
    was = _where(row)
    _fill(row, data)
    _tried(row)
    if _where(row) != was:
        _moved(row)
    old, new = audit.changed(before, _shown(row))
    if row.secret_key != old_secret:
        new["secret_key"] = _("replaced")
    if not new:
        return row
    with transaction.atomic():
        row.save()
        audit.record(actor, "backup.target.change", row, before=old or None, after=new)
    return row


def check(actor: Actor, row: BackupTarget) -> BackupTarget:
    """Tries it out and notes what it said. Raises Denied."""
    require(actor, MANAGING)
    row.problem, row.checked = problem_of(row), timezone.now()
    with transaction.atomic():
        row.save(update_fields=["problem", "checked"])
        audit.record(actor, "backup.target.check", row, after={"problem": row.problem[:300]})
    return row


def remove(actor: Actor, row: BackupTarget) -> None:
    """Forgets a store in which nothing lies. Raises Denied, Refused."""
    require(actor, MANAGING)
    with transaction.atomic():
        if row.policies.exists():
            raise Refused(_("Services back up there by themselves: change their rules first."))
        # Of one that failed nothing lies there, nor on its host, once its parts and its snapshot are cleared.
        cleared = Q(snapshot=None) | Q(snapshot__state=Snapshot.State.GONE)
        over = Q(state=Backup.State.GONE) | (Q(state=Backup.State.FAILED, parts=None) & cleared)
        lies = row.backups.exclude(pk__in=row.backups.filter(over).values("pk"))
        if lies.exists():
            raise Refused(_("There are backups in it: remove them first."))
        audit.record(actor, "backup.target.remove", row, before=_shown(row))
        row.backups.all().delete()
        row.delete()


def _where(row: BackupTarget) -> tuple[str, str, str]:
    return row.endpoint, row.bucket, row.key_prefix


def _moved(row: BackupTarget) -> None:
    """The store is elsewhere: raises Refused unless what lies in it was brought there, or nobody could ever open it again."""
    newest = row.backups.filter(state=Backup.State.READY).order_by("-pk").first()
    if newest is None:
        return
    try:
        open_store(row).get(manifest_key(newest.folder))
    except StoreError as error:
        words = _("%(backup)s is not there: copy what lies in the store to its new place first. %(why)s")
        raise Refused(words % {"backup": newest.label, "why": error.words}, "bucket", 400) from error


def _shown(row: BackupTarget) -> dict[str, Any]:
    return {"kind": row.kind, **{name: getattr(row, name) for name in PLAIN if name != "ca"}, "ca": bool(row.ca)}


def _fill(row: BackupTarget, data: Mapping[str, Any]) -> None:
    """Raises Refused with the field."""
    if isinstance(data.get("others"), str):
        row.others = _recipients(data["others"])
    if row.kind != BackupTarget.Kind.S3:
        return
    for name, longest in LENGTHS.items():
        value = data.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > longest or "\x00" in value:
            raise Refused(_("At most %(n)s characters.") % {"n": longest}, name, 400)
        if value.strip() or name != "secret_key":
            setattr(row, name, value.strip())
    parts = urlsplit(row.endpoint)
    if row.endpoint and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query):
        raise Refused(_("An address such as https://s3.example.com, without a path of the bucket."), "endpoint", 400)
    if not BUCKET.fullmatch(row.bucket):
        raise Refused(_("The name of a bucket that is there."), "bucket", 400)
    if not PREFIX.fullmatch(row.key_prefix) or ".." in row.key_prefix:
        raise Refused(_("Letters, digits, «.», «_», «-» and «/»."), "key_prefix", 400)
    for name in ("access_key", "secret_key"):
        if not getattr(row, name):
            raise Refused(_("This field is needed."), name, 400)
    if row.ca:
        try:
            ssl.create_default_context(cadata=row.ca)
        except (ssl.SSLError, ValueError):
            raise Refused(_("This is no certificate in PEM."), "ca", 400) from None


def _recipients(text: str) -> str:
    """Public keys, one a line. Raises Refused."""
    found = text.split()
    if len(found) > MOST_OTHERS:
        raise Refused(_("At most %(n)s keys.") % {"n": MOST_OTHERS}, "others", 400)
    for one in found:
        if not sealing.is_recipient(one):
            raise Refused(_("«%(key)s» is no public key of age (age1…).") % {"key": one[:80]}, "others", 400)
    return "\n".join(dict.fromkeys(found))


def problem_of(row: BackupTarget) -> str:
    """What is wrong with a store that stands; empty: it takes and gives objects, and the newest backup is in it.

    One that is emptied, or whose disk is not mounted, takes objects as well as ever.
    """
    if problem := _problem(row):
        return problem
    newest = row.backups.filter(state=Backup.State.READY).order_by("-pk").first()
    if newest is None:
        return ""
    try:
        open_store(row).get(parts.manifest_key(newest.folder))
    except StoreError as error:
        return _("%(backup)s of %(instance)s cannot be read: %(words)s") % {
            "backup": newest.label, "instance": newest.instance, "words": error.words,
        }  # fmt: skip
    return ""


def _problem(row: BackupTarget) -> str:
    try:
        try_out(open_store(row))
    except StoreError as error:
        return error.words
    return ""


def _tried(row: BackupTarget) -> None:
    if problem := _problem(row):
        raise Refused(problem, "bucket" if row.kind == BackupTarget.Kind.S3 else "kind", 400)
    row.problem, row.checked = "", timezone.now()
