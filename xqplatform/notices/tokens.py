"""A week before a token ends its person is told; of a service account's the people of its team."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from xqplatform.accounts.models import Token, User
from xqplatform.notices import sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Entry, Notice
from xqplatform.notices.telling import line

SOURCE = "token"
BEFORE = timedelta(days=7)


def tell_ending() -> int:
    """Once for each token that works and ends soon; how many. Nobody else is worked out for it: it is spread already."""
    now, told = timezone.now(), 0
    rows = Token.objects.filter(revoked=None, expires__gt=now, expires__lt=now + BEFORE, user__is_active=True)
    for token in rows.select_related("user"):
        if token.expires is not None and token.expires - token.created > BEFORE:  # a shorter life is no surprise
            told += _tell(token)
    return told


def _tell(token: Token) -> bool:
    user, now = token.user, timezone.now()
    url = f"/settings/service-accounts/{user.pk}/" if user.service_account else "/settings/tokens/"
    values = {
        "kind": Kind.ACCOUNT,
        "source": SOURCE,
        "number": token.pk,
        "url": url,
        "facts": {"label": line(token.label), "of": user.username, "ends": token.expires.isoformat()},  # type: ignore[union-attr]
        "spread": now,
    }
    with transaction.atomic():
        notice, made = Notice.objects.get_or_create(key=f"{SOURCE}:{token.pk}:ends", defaults=values)
        if made:
            Entry.objects.bulk_create(Entry(user=one, notice=notice, relation="mine") for one in _hearers(user))
    return made


def _hearers(user: User) -> list[User]:
    if not user.service_account:
        return [user]
    teams = user.memberships.values("team")
    people = User.objects.filter(memberships__team__in=teams, is_active=True, service_account=False)
    return list(people.distinct())


def words(notice: Notice) -> sources.Words:
    facts = notice.facts
    ends = parse_datetime(str(facts.get("ends") or ""))
    day = date_format(timezone.localtime(ends), "Y-m-d") if ends else "–"
    values = {"label": facts.get("label"), "of": facts.get("of"), "day": day}
    return sources.Words(
        _("The token «%(label)s» of %(of)s ends on %(day)s") % values,
        [_("Make a new one and put it where the old one is used; then revoke the old one.")],
    )


def join() -> None:
    sources.register(SOURCE, sources.Source(words))
