"""Who hears that a token ends, and how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from xqplatform.accounts import service_accounts, tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token, User
from xqplatform.notices import sources
from xqplatform.notices.models import Entry, Notice
from xqplatform.notices.tokens import tell_ending

pytestmark = pytest.mark.django_db


def test_its_person_and_a_programs_team_are_told_once(developer: User, sre: User, actor_sre: Actor, team: Team) -> None:
    mine, _raw = tokens.create_token(Actor.person(developer), developer, "my ci")
    robot = service_accounts.create(actor_sre, "ci-snow", team)
    theirs, _raw = tokens.create_token(actor_sre, robot, "deploys")
    tokens.create_token(actor_sre, robot, "for ever", days=0)
    _short, _raw = tokens.create_token(Actor.person(developer), developer, "short", days=3)
    gone, _raw = tokens.create_token(actor_sre, sre, "gone")
    assert tell_ending() == 0
    Token.objects.filter(pk__in=[mine.pk, theirs.pk, gone.pk]).update(
        created=timezone.now() - timedelta(days=84), expires=timezone.now() + timedelta(days=6)
    )
    tokens.revoke_token(actor_sre, gone)
    assert tell_ending() == 2
    assert tell_ending() == 0
    assert {(entry.user.username, entry.notice.number) for entry in Entry.objects.all()} == {
        ("dan", mine.pk),
        ("dan", theirs.pk),
    }
    for language in ("en", "zh-hans"):
        with translation.override(language):
            assert "my ci" in sources.words(Notice.objects.get(number=mine.pk)).title
