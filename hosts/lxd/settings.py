"""What an LXD server says of its settings, as the facts of conformance checks. Pure; without secrets.

Source: https://documentation.ubuntu.com/lxd/en/latest/rest-api/
"""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509

from hosts.inventory import Space
from hosts.lxd import shape

Json = dict[str, Any]
# What the platform asks of a server's API beyond its first version.
NEEDED = (
    "container_exec_user_group_cwd", "custom_volume_backup", "custom_volume_refresh", "event_lifecycle", "instances",
    "instance_get_full", "metrics", "projects", "storage_api_volume_snapshots", "storage_volume_state",
)  # fmt: skip
GRAVE = {"moderate", "high"}
MOST = 50  # names kept of each kind


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate, hexadecimal; empty: it is none."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()
    except ValueError:
        return ""


def ends(pem: str) -> float | None:
    """When a certificate ends, in epoch seconds."""
    try:
        return x509.load_pem_x509_certificate(pem.strip().encode()).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def _list(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _privileged(entries: Iterable[Mapping[str, Any]], config: str) -> list[str]:
    return sorted(
        str(one.get("name")) for one in entries if (one.get(config) or {}).get("security.privileged") == "true"
    )[:MOST]


def facts(
    server: Mapping[str, Any],
    *,
    pool: str,
    pinned: str,
    space: Space | None,
    pools: Any = None,
    networks: Any = None,
    profiles: Any = None,
    projects: Any = None,
    certificates: Any = None,
    warnings: Any = None,
    instances: Any = None,
) -> Json:
    """The sections `server` and `space`. `pool`: that of roots and volumes, empty if there is none; the lists as the server tells
    them with `recursion=1`; what is None was not told, and is left out.
    """
    environment, config = server.get("environment") or {}, server.get("config") or {}
    extensions = {str(one) for one in server.get("api_extensions") or []}
    segments = shape.segments(config)
    found: Json = {
        "brand": str(environment.get("server") or "lxd"),
        "version": str(environment.get("server_version") or ""),
        "name": str(environment.get("server_name") or ""),
        "extensions": {"lacking": sorted(set(NEEDED) - extensions)},
        "clustered": bool(environment.get("server_clustered")),
        "trust_password": bool(config.get("core.trust_password")),
        "fingerprint": str(environment.get("certificate_fingerprint") or "").lower(),
        "pinned": fingerprint(pinned),
        "pool": pool,
        "segments": segments,
    }
    if (until := ends(str(environment.get("certificate") or ""))) is not None:
        found["certificate_ends"] = until
    if pools is not None:
        found["pools"] = {
            str(one.get("name")): {"driver": str(one.get("driver") or ""), "status": str(one.get("status") or "")}
            for one in _list(pools)
        }
    if networks is not None:
        found["networks"] = {str(one.get("name")): str(one.get("type") or "") for one in _list(networks)}
    if profiles is not None:
        found["privileged_profiles"] = _privileged(_list(profiles), "config")
    if instances is not None:
        found["privileged"] = _privileged(_list(instances), "expanded_config")
    if projects is not None:
        found["projects"] = sorted(str(one.get("name")) for one in _list(projects))[:MOST]
        default = next((one for one in _list(projects) if one.get("name") == "default"), {})
        found["restricted"] = (default.get("config") or {}).get("restricted") == "true"
    if certificates is not None:
        found["clients"] = len(_list(certificates))
    if warnings is not None:
        open_ = [one for one in _list(warnings) if str(one.get("status")) == "new"]
        grave = [f"{one.get('type')}: {one.get('last_message')}"[:300] for one in open_ if one.get("severity") in GRAVE]
        found["warnings"] = {"count": len(open_) - len(grave), "grave": sorted(grave)[:MOST]}
    told: Json = {"server": found}
    if space is not None:
        told["space"] = {
            "total": space.total, "free": space.free, "inodes": space.inodes, "inodes_free": space.inodes_free,
        }  # fmt: skip
    return json.loads(json.dumps(told, default=str))  # type: ignore[no-any-return]
