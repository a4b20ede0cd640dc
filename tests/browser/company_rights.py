"""Who may what in the company, for its pictures: grants, one that waits for a second person, a program's token, reviews."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.company import Company

WATCH = ["service.restart", "service.logs", "alerts.silence"]


def rights(company: Company) -> None:
    from django.utils import timezone

    from xqplatform.accounts import invitations, service_accounts
    from xqplatform.accounts.roles import grants, own
    from xqplatform.accounts.roles.foureyes import Waits
    from xqplatform.accounts.tokens import create_token
    from xqplatform.audit.proof import verifications
    from xqplatform.audit.reviews import feeding
    from xqplatform.audit.reviews.models import Review
    from xqplatform.audit.reviews.services import review

    admin, people, teams = company.admin, company.people_by_name, company.teams
    own.make(admin, "night-watch", "Night watch", "Restarts and reads, changes nothing else.", WATCH)
    grants.give(admin, "admin", user=people["gaolei"], reason="second admin")
    week = timezone.now() + timedelta(days=7)
    for role, person, more in (
        ("night-watch", "lixiang", {"environment": "pre-release", "until": week}),
        ("auditor", "zhaomin", {}),
        ("night-watch", "lixiang", {"environment": "production", "team": teams["quotes"], "until": week}),
    ):
        with contextlib.suppress(Waits):  # what reaches production waits for the second admin
            grants.give(admin, role, user=people[person], reason="holidays of the quotes team", **more)
    program = service_accounts.create(admin, "ci-snow", teams["community"], display_name="Pipeline of the timeline")
    create_token(admin, program, "GitLab runner", team="community")
    create_token(company.actors["lixiang"], people["lixiang"], "Notebook", days=30)
    invitations.invite(admin, "chenlong", display_name="陈龙")
    feeding.feed()
    seen = [row.pk for row in Review.objects.exclude(user=people["gaolei"]).order_by("pk")[:3]]
    review(company.actors["gaolei"], seen, "As agreed when the platform came.")
    verifications.start(admin)
