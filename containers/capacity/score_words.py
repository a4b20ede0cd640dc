"""How the scorecard counts, in words for page and paper: what `scoring` and `availability` do."""

from __future__ import annotations

from django.utils.translation import gettext as _


def definitions() -> list[tuple[str, str]]:
    """In the language that is active."""
    return [
        (
            _("Releases"),
            _(
                "Releases that ended, in the ISO week (Monday to Sunday, UTC) of their end. Cancelled ones are counted apart. So is a way back: a release that brings the former image back within 24 hours after one that succeeded or failed. The frequency is of those that succeeded, by week of the range."
            ),
        ),
        (
            _("Lead time"),
            _(
                "From the commit that an image was built of to the end of the first successful release that brought it. Each release counts once, with its own revision: commits between two releases are not counted by themselves, a revision that was out before is not counted again, and images of which no commit is known are not counted."
            ),
        ),
        (
            _("Change failure rate"),
            _(
                "The share of releases that failed, were rolled back, were followed by a way back, or with which a critical alert of an instance there began that fired within an hour after the release's end and outlasted it. An alert counts for the newest release before it."
            ),
        ),
        (
            _("Time to restore"),
            _(
                "Of these failures: from the start of the release that failed (of an alert: since when it was bad; of a way back: the end of the release before it) to the end of its own rollback, of the next release that succeeds, of the way back, or of the alert, the last of these. What is not restored yet is counted apart."
            ),
        ),
        (
            _("Available"),
            _(
                "The share of minutes, since the first release, in which at least the promised number of instances (one, where nobody promised more) was healthy: by its health check, or running where there is none. Minutes in which nothing was measured are unknown, and no part of the share. Instances that people stopped are not available either. The error budget is what the objective leaves of 30 days."
            ),
        ),
    ]
