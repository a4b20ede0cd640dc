"""What is wanted: what is set now, with what a document gives laid over it. Pure.

What a document does not name is left alone. With `prune`, in each block that the document has (settings, variables, hooks,
guardrails, freezes, environments), what it does not name is removed or goes back to its default. Single facts such as the
number of instances, the team or the repository are never pruned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any

from containers.ascode.readers import KEPT
from containers.config import Config, parse
from containers.guardrails.rules import Rules
from xqplatform.errors import Refused

Json = dict[str, Any]
MAPS = ("env", "log_options", "secrets")
OBJECTS = ("health", "metrics", "traffic")
PROJECT_MAPS = ("build_arguments", "build_secrets")


def settings_of(config: Config) -> Json:
    """A Config as a document has it: secrets by reference."""
    data = config.to_json()
    data["secrets"] = dict.fromkeys(data.pop("secret_names"), KEPT)
    return data


def content_of(settings: Json) -> Json:
    """The other way round: what `parse` and the verb take."""
    data = {key: value for key, value in settings.items() if key != "secrets"}
    return data | {"secret_names": list(settings["secrets"])}


def _plain_rules() -> Json:
    rules = Rules()
    return {
        "proof": False, "proof_from": [], "proof_minutes": 0, "proof_instances": 1, "reason": rules.reason,
        "ticket": rules.ticket, "most_batch": None, "most_share": None, "least_healthy": None,
        "approvals": rules.approvals.count, "approvals_role": str(rules.approvals.role),
        "approvals_hours": rules.approvals.hours, "when_frozen": str(rules.when_frozen),
    }  # fmt: skip


RULES = _plain_rules()
GATES: Json = {"mode": "inherit", "settle": 10, "rules": []}
AUTOMATIC: Json = {"enabled": False, "branches": "", "tags": "", "reason": ""}
PLACE: Json = {
    "instances": 1, "branch": "", "segment": "", "gates": GATES, "placement": {}, "automatic": AUTOMATIC,
    "settings": settings_of(Config()),
}  # fmt: skip
# Blocks that apps above bring (`parts`), by their names: what a document gives over what is set.
LAID: dict[str, Callable[[Json, Mapping[str, Any]], Json]] = {}
PROJECT: Json = {
    "repository": "", "repository_user": "", "default_branch": "main", "subfolder": "", "dockerfile": "Dockerfile",
    "blueprint": "", "registry": "", "network": "", "build_arguments": {}, "build_secrets": {}, "forge": {},
}  # fmt: skip
SERVICE: Json = {"title": "", "team": "", "type": "stateless", "project": PROJECT, "environments": {}}
ENVIRONMENT: Json = {
    "title": "", "title_zh": "", "branch": "", "colour": "blue", "production": False, "auto_repair": False,
    "position": 0, "groups": [], "segment": "", "guardrails": RULES, "freezes": [],
    "gates": GATES | {"binding": False}, "placement": {},
}  # fmt: skip


class Unfit(Exception):
    """The settings of a place would not be valid; `field` as `parse` names it, of `settings`."""

    def __init__(self, environment: str, refused: Refused, settings: Json) -> None:
        super().__init__(refused.message)
        self.environment, self.refused, self.settings = environment, refused, settings


def merged(kind: str, now: Json | None, given: Json, prune: bool = False, removable: Collection[str] = ()) -> Json:
    """`now`: None for a thing that is not there. `removable`: environments that `prune` may take away. Raises Unfit."""
    fresh = deepcopy(SERVICE if kind == "Service" else ENVIRONMENT)
    base = deepcopy(now) if now is not None else fresh
    return (
        _service(base, fresh, given, prune, removable) if kind == "Service" else _environment(base, fresh, given, prune)
    )


def _laid(base: Json, defaults: Json, given: Mapping[str, Any]) -> Json:
    """Single values of `given` over `base`; what is null is the default."""
    return base | {key: defaults.get(key) if value is None else value for key, value in given.items()}


def _map(base: Mapping[str, Any], given: Mapping[str, Any] | None, prune: bool) -> Json:
    """Names of `given` over those of `base`; what is null goes, and with `prune` what is not named."""
    if given is None:
        return {}
    found = dict(base) if not prune else {}
    return {key: value for key, value in (found | dict(given)).items() if value is not None}


def _service(base: Json, fresh: Json, given: Json, prune: bool, removable: Collection[str]) -> Json:
    single = {key: value for key, value in given.items() if key not in {"project", "environments"}}
    found = _laid(base, fresh, single)
    if given.get("project") is not None:
        found["project"] = _project(base["project"], given["project"], prune)
    named = given.get("environments")
    if named is not None:
        places = {name: _place(name, base["environments"].get(name, PLACE), one, prune) for name, one in named.items()}
        kept = base["environments"].items()
        kept = [(name, one) for name, one in kept if not (prune and name in removable and name not in named)]
        found["environments"] = dict(kept) | places
    return found


def _project(base: Json, given: Json, prune: bool) -> Json:
    found = _laid(base, PROJECT, {key: value for key, value in given.items() if key not in (*PROJECT_MAPS, "forge")})
    if given.get("forge"):
        found["forge"] = base["forge"] | {key: value for key, value in given["forge"].items() if value is not None}
    if found.get("repository_password", KEPT) is None:
        found["repository_password"] = base.get("repository_password")  # (a stored one is taken away by nobody)
    if found["repository"] != base["repository"] and "repository_password" not in given:
        found["repository_password"] = None  # a password is for the place it was given for
    for key in PROJECT_MAPS:
        if key in given:
            found[key] = _map(base[key], given[key], prune)
    return {key: value for key, value in found.items() if value is not None}


def _place(name: str, base: Json, given: Json, prune: bool) -> Json:
    blocks = ("gates", "automatic")
    single = {key: value for key, value in given.items() if key not in (*blocks, "placement", "settings")}
    found = _laid(base, PLACE, single)
    if "placement" in given:
        found["placement"] = _map(base["placement"], given["placement"], prune)
    for key in blocks:
        if given.get(key) is not None:
            found[key] = _laid(PLACE[key] if prune else base[key], PLACE[key], given[key])
    for key, laid in LAID.items():
        if given.get(key) is not None:
            values = {name: value for name, value in given[key].items() if value is not None}
            kept = {} if prune else {name: one for name, one in base[key].items() if name not in given[key]}
            found[key] = laid(kept, values)
    if given.get("settings") is not None:
        found["settings"] = _settings(name, base["settings"], given["settings"], prune)
    return found


def _settings(place: str, base: Json, given: Json, prune: bool) -> Json:
    defaults: Json = PLACE["settings"]
    base = defaults if prune else base
    found = dict(base)
    for key, value in given.items():
        if value is None:
            found[key] = defaults[key]
        elif key in MAPS:
            found[key] = _map(base[key], value, prune)
        elif key in OBJECTS:
            found[key] = _laid(base[key], defaults[key], value)
        elif key == "hooks":
            found[key] = hooks_over(base[key], value)
        else:
            found[key] = value
    content = content_of(found)
    if "log_options" not in given and found["log_driver"] != base["log_driver"]:
        del content["log_options"]  # those of one driver mean nothing to another
    try:
        return settings_of(parse(content))
    except Refused as refused:
        raise Unfit(place, refused, found) from refused


def hooks_over(base: list[Json], given: list[Json]) -> list[Json]:
    """Hooks by name: those given take the file's order among themselves, the others stay where they are; new ones come last."""
    names = [one.get("name") for one in given]
    waiting = iter(given)
    found = [next(waiting) if one["name"] in names else one for one in base]
    return found + list(waiting)


def _environment(base: Json, fresh: Json, given: Json, prune: bool) -> Json:
    blocks = ("guardrails", "gates")
    single = {key: value for key, value in given.items() if key not in (*blocks, "placement", "freezes")}
    found = _laid(base, fresh, single)
    if "placement" in given:
        found["placement"] = _map(base["placement"], given["placement"], prune)
    for key in blocks:
        if given.get(key) is not None:
            found[key] = _laid(ENVIRONMENT[key] if prune else base[key], ENVIRONMENT[key], given[key])
    windows = given.get("freezes")
    if windows is not None:
        found["freezes"] = [] if prune else list(base["freezes"])
        found["freezes"] += [one for one in windows if one not in found["freezes"]]
    return found
