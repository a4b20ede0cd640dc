"""How each forge wants to be told of a commit's status (pure)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

LONGEST = 140  # characters of a description that all of them take
STATES = ("pending", "success", "failure", "error")
_GITLAB = {"pending": "running", "success": "success", "failure": "failed", "error": "canceled"}
_SCP = re.compile(r"[\w.-]+@([\w.-]+):(.+)", re.ASCII)
REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


@dataclass(frozen=True)
class Call:
    url: str
    body: bytes
    headers: dict[str, str]


def guess(kind: str, url: str) -> tuple[str, str]:
    """The API's address and the repository's name there, from the repository's URL; empty where it does not tell."""
    scp = _SCP.fullmatch(url)
    host, path = (scp[1], scp[2]) if scp else (urlsplit(url).hostname or "", urlsplit(url).path)
    name = path.strip("/").removesuffix(".git")
    if not host or not REPOSITORY.fullmatch(name):
        return "", ""
    if kind == "github":
        return ("https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"), name
    return f"https://{host}/api/{'v4' if kind == 'gitlab' else 'v1'}", name


def status(
    kind: str, api: str, repository: str, token: str, *, revision: str, state: str, context: str, words: str, page: str
) -> Call:
    """The call that sets it. `page`: where the platform says more; may be empty."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "xqplatform"}
    said: dict[str, str] = {"description": words[:LONGEST]} | ({"target_url": page} if page else {})
    if kind == "gitlab":
        url = f"{api}/projects/{quote(repository, safe='')}/statuses/{revision}"
        said |= {"state": _GITLAB[state], "name": context}
        return Call(url, json.dumps(said).encode(), headers | {"PRIVATE-TOKEN": token})
    url = f"{api}/repos/{quote(repository)}/statuses/{revision}"
    said |= {"state": state, "context": context}
    scheme = "token" if kind == "gitea" else "Bearer"
    return Call(url, json.dumps(said).encode(), headers | {"Authorization": f"{scheme} {token}"})


def is_same(kind: str, code: int, text: str) -> bool:
    """Whether the forge refuses only because it stands there already."""
    return kind == "gitlab" and code == 400 and "Cannot transition status" in text
