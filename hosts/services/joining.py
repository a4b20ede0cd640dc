"""An LXD or Incus server joins: its certificate is pinned, and it is shown who the platform is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext as _

from hosts import ca, labels
from hosts.connection import clean_address
from hosts.engine import ConnectionSpec, Diagnosis, EngineError
from hosts.lxd import trust
from hosts.models import Host
from hosts.runtimes import TRAITS
from hosts.services.certificates import shown_by
from xqplatform.errors import Refused

JOIN = ("trust", "fingerprint")  # of the verbs' data: said once, never stored
MOST = 8000  # characters of a token


def joined(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with what joining brought (`ca`: the server's certificate, `certificate`, `key`), without what was said for it.

    Raises Refused at the field: no server there, a fingerprint that nobody confirmed, a token that is not accepted.
    """
    rest = {name: value for name, value in data.items() if name not in JOIN}
    secret = str(data.get("trust") or "").strip()
    runtime = str(rest.get("runtime") or "")
    if (
        runtime not in TRAITS
        or not TRAITS[runtime].joins
        or rest.get("connection") != Host.Connection.TCP
        or not secret
    ):
        return rest
    if len(secret) > MOST or "\x00" in secret:
        raise Refused(_("This is no trust token."), "trust", 400)
    address = clean_address("tcp", str(rest.get("address") or ""), runtime)
    spec = ConnectionSpec("tcp", address, name=str(rest.get("name") or ""), runtime="lxd")
    seen = shown_by(spec)
    if seen is None:
        raise Refused(_("No server answers with TLS at %(address)s.") % {"address": address}, "address", 400)
    found = ca.facts(seen).fingerprint
    token = trust.token_of(secret)
    said = token.fingerprint if token is not None else trust.plain_fingerprint(str(data.get("fingerprint") or ""))
    if not said:
        words = _(
            "The server there shows the fingerprint %(found)s. Compare it with what `lxc info` says on the machine, and enter "
            "it here: the password is sent to nobody else."
        )
        raise Refused(words % {"found": found}, "fingerprint", 400)
    if said != found:
        words = _("Another server answers there: it shows the fingerprint %(found)s, not %(said)s.")
        raise Refused(words % {"found": found, "said": said}, "trust" if token is not None else "fingerprint", 400)
    name = f"xqplatform-{labels.installation()[:12]}"
    pair = trust.client_pair(name)
    certificate = seen.public_bytes(serialization.Encoding.PEM).decode()
    pinned = ConnectionSpec("tcp", address, ca=certificate, cert=pair.cert, key=pair.key, name=spec.name, runtime="lxd")
    try:
        trust.introduce(pinned, secret, name)
    except EngineError as error:
        raise Refused(error.words, "trust", 400) from error
    return rest | {"ca": certificate, "certificate": pair.cert, "key": pair.key}


def must_be_trusted(host: Host) -> None:
    """Raises Refused where a server would not know the platform."""
    if TRAITS[host.runtime].joins and host.connection == Host.Connection.TCP and not host.ca:
        raise Refused(
            _("A trust token, or the trust password, by which the server takes the platform in."), "trust", 400
        )


def look_at(spec: ConnectionSpec) -> Diagnosis:
    """What can be said of a server that has not been joined yet: whether it is there, and who it is."""
    seen = shown_by(spec)
    if seen is None:
        return Diagnosis(False, "unreachable", _("No server answers with TLS at %(address)s.") % {"address": spec.bare})
    words = _(
        "A server answers, with the fingerprint %(found)s. With its trust token or password the platform joins it."
    )
    return Diagnosis(True, "ok", words % {"found": ca.facts(seen).fingerprint})
