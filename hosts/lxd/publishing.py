"""An instance's root out of a server while it runs: a snapshot, an image of it, the image's file; both removed afterwards.

Volumes of the pool are no part of a root. Source: https://documentation.ubuntu.com/lxd/en/latest/rest-api/ (POST /images)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO
from urllib.parse import quote

from hosts.engine_errors import EngineError, from_exception
from hosts.lxd.link import BROKEN, FAILED, Json, Link

MARK = "xq.root"  # property of the images made here
TURN = 3  # seconds between two looks at what is worked on
IDLE_SECONDS = 120.0
PIECE = 1 << 20
Check = Callable[[], None]


def export_root(link: Link, name: str, mark: str, out: IO[bytes], told: Callable[[int], None]) -> None:
    """Writes a unified image. `mark`: of the snapshot and image, so that the next try removes what a dead one left.

    Raises EngineError, and whatever `told` raises.
    """
    snapshot = f"xq-root-{mark}"
    tidy(link, name, mark)
    try:
        _worked(link, f"/instances/{quote(name)}/snapshots", {"name": snapshot, "stateful": False}, lambda: told(0))
        source = {"type": "snapshot", "name": f"{name}/{snapshot}"}
        body = {"source": source, "compression_algorithm": "none", "public": False, "properties": {MARK: mark}}
        made = _worked(link, "/images", body, lambda: told(0))
        _fetch(link, str((made.get("metadata") or {})["fingerprint"]), out, told)
    finally:
        tidy(link, name, mark)


def tidy(link: Link, name: str, mark: str) -> None:
    """Removes the snapshot and the image of a mark, where they are there. Nothing without the mark is touched."""
    for one in link.ask("GET", "/images", params={"recursion": 1}):
        if (one.get("properties") or {}).get(MARK) == mark:
            link.operate("DELETE", f"/images/{one['fingerprint']}", absent=True)
    link.operate("DELETE", f"/instances/{quote(name)}/snapshots/xq-root-{mark}", absent=True)


def _fetch(link: Link, fingerprint: str, out: IO[bytes], told: Callable[[int], None]) -> None:
    plain = {"Accept-Encoding": "identity"}
    answer = link.raw("GET", f"/images/{fingerprint}/export", stream=True, timeout=IDLE_SECONDS, headers=plain)
    assert answer is not None
    with answer:
        done, size = 0, int(answer.headers.get("Content-Length") or 0)
        while done < size:
            try:
                piece = answer.raw.read(min(PIECE, size - done))
            except BROKEN as error:
                raise from_exception(error, link.where) from error
            if not piece:
                raise EngineError("unreachable", "file cut short", link.where)
            out.write(piece)
            done += len(piece)
            told(done)


def _worked(link: Link, path: str, body: Json, check: Check) -> Json:
    """Waits for an operation however long it takes, as long as `check` lets it."""
    operation = link.ask("POST", path, body=body)
    code = 0
    while code < 200:
        check()
        operation = link.ask("GET", f"/operations/{operation['id']}/wait", params={"timeout": TURN})
        code = int(operation.get("status_code") or 0)
    if code >= FAILED:
        link.ended(operation)  # raises in its own words
    return dict(operation)
