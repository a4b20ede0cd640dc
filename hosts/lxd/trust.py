"""How a server comes to trust the platform: a token or the trust password, shown once over TLS whose certificate is pinned.

Source: https://documentation.ubuntu.com/lxd/en/latest/authentication/
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from hosts import ca
from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError
from hosts.lxd.link import Link

CLIENT_DAYS = 3650  # a server trusts the certificate itself, no authority: it is changed by joining anew
SECONDS = 10.0


@dataclass(frozen=True)
class Token:
    """What `lxc config trust add` or `incus config trust add` printed."""

    text: str
    fingerprint: str  # SHA-256 of the server's certificate, hexadecimal
    addresses: tuple[str, ...]


def token_of(text: str) -> Token | None:
    """None if it is no token: a password. Pure."""
    bare = re.sub(r"\s+", "", text)
    try:
        said = json.loads(base64.b64decode(bare, validate=True))
        return Token(bare, str(said["fingerprint"]).lower(), tuple(str(one) for one in said.get("addresses") or []))
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None


def plain_fingerprint(text: str) -> str:
    """A fingerprint as people copy it («AB:12:…», with «sha256» before it), as hexadecimal digits alone. Pure."""
    return re.sub(r"[^0-9a-f]", "", re.sub(r"^\s*sha-?256[:\s]*", "", text.strip().lower()))


def client_pair(name: str) -> ca.Pair:
    """A certificate of the platform's own, for one server."""
    return ca.issue(ca.make_authority(name, CLIENT_DAYS), "client", name, days=CLIENT_DAYS)


def introduce(spec: ConnectionSpec, secret: str, name: str) -> None:
    """Has the server trust the client certificate of `spec`; where it does already nothing is done. Raises EngineError."""
    link = Link(spec, SECONDS)
    try:
        server = link.server()
        if server.get("auth") == "trusted":
            return
        token = token_of(secret)
        if token is not None and "explicit_trust_token" in (server.get("api_extensions") or []):
            body = {"type": "client", "name": name, "trust_token": token.text}
        else:
            body = {"type": "client", "name": name, "password": token.text if token else secret}
        try:
            link.ask("POST", "/certificates", body=body)
        except EngineError as error:
            if error.kind != "forbidden":
                raise
            words = _("%(where)s does not accept this token or password: a token is good once, and for a time.")
            raise EngineError("forbidden", error.message, words % {"where": spec.where}) from error
    finally:
        link.close()
