"""How costs are counted, in words for page and paper: what `costing` does."""

from __future__ import annotations

from django.utils.translation import gettext as _


def counted() -> str:
    """In the language that is active."""
    return _(
        "Each day the whole price of each host (the month's part) is divided: half of it for its cores and half for its memory, or as cores and GiB are priced. Of each half that share is allocated which is committed, by the limits of its instances, of what can be committed there; the rest is unallocated. Places bear what is allocated in proportion to their limits. Instances without limits commit nothing and cost nothing. Months are by UTC."
    )
