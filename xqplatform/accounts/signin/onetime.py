"""A code of an authenticator app is good once, whichever process it is shown to: the row knows the last half minute that was used.

allauth remembers used codes in Django's cache, which each process has for itself here.
"""

from __future__ import annotations

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.db.models import Q

from xqplatform.accounts.signin.models import LastCode


def claim(authenticator: Authenticator, code: str) -> bool:
    """Whether the code is right and nobody was let in by it, or by a later one, before; from now on somebody was."""
    counters = list(yield_hotp_counters_from_time())
    counter = _counter(decrypt(authenticator.data["secret"]), code, counters)
    if counter is None:
        return False
    LastCode.objects.get_or_create(user=authenticator.user)
    # One statement, so two who come at once do not both find it unused. What lies in the future is of a clock that was wrong.
    unused = Q(counter__lt=counter) | Q(counter__gt=max(counters))
    return LastCode.objects.filter(unused, user=authenticator.user).update(counter=counter) == 1


def _counter(secret: str, code: str, counters: list[int]) -> int | None:
    """The half minute that the code is of; None: of none that counts now."""
    fitting = (n for n in counters if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, n))))
    return next(fitting, None)
