"""Whether an ID token is what it says: signature, issuer, audience, time, nonce. Pure but for the clock.

allauth leaves the signature unchecked where the token came straight from the provider, and knows no nonce; here both count.
"""

from __future__ import annotations

import hmac
from typing import Any

import jwt

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
LEEWAY = 60  # seconds that clocks may be apart


class Unverified(Exception):
    """Why a token is not believed, for the log."""


def _key(raw: str, keys: dict[str, Any]) -> Any:
    """The provider's key that the token names; the only one if it names none. Raises Unverified."""
    found = jwt.PyJWKSet.from_dict(keys).keys
    kid = jwt.get_unverified_header(raw).get("kid")
    fitting = [k for k in found if (kid is None or k.key_id == kid) and k.public_key_use in {None, "sig"}]
    if len(fitting) != 1:
        raise Unverified("it is signed with a key that the provider does not name")
    return fitting[0].key


def verify(raw: str, keys: dict[str, Any], *, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of a token that was issued to us, for this very sign-in. Raises Unverified."""
    try:
        claims: dict[str, Any] = jwt.decode(
            raw,
            _key(raw, keys),
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unverified(f"{type(error).__name__}: {error}"[:200]) from None
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise Unverified("it was issued to somebody else")
    if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Unverified("its nonce is not the one of this sign-in")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 190:
        raise Unverified("it names no subject")
    return claims


def signed_in_at(claims: dict[str, Any]) -> float:
    """When the person signed in at the provider, in seconds since 1970; 0 where it does not tell."""
    told = claims.get("auth_time")
    number = isinstance(told, int | float) and not isinstance(told, bool)
    return float(told) if number and 0 < told < 1e11 else 0.0  # type: ignore[arg-type, operator]


def require_anew(claims: dict[str, Any], begun: float, now: float) -> None:
    """Whether the person signed in at the provider after they were sent there to do so. Raises Unverified."""
    at = signed_in_at(claims)
    if not at:
        raise Unverified("it does not tell when its person signed in")
    if not begun - LEEWAY <= at <= now + LEEWAY:
        raise Unverified("its person did not sign in anew")
