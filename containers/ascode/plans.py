"""What applying a text would change, and the mark of the world in which that was worked out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import gone
from containers.ascode import parts, reading, state
from containers.ascode.difference import Change, changes
from containers.ascode.merge import ENVIRONMENT, SERVICE, Unfit, merged
from containers.ascode.reading import Given
from containers.ascode.source import Mistake, Path, Wrong, dotted
from containers.ascode.state import Now
from containers.forms.environments import RESERVED_ENVIRONMENTS
from containers.models import Service
from containers.services.planning import standing
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import sees
from xqplatform.errors import Refused

Json = dict[str, Any]
SALT = "containers.ascode.plan"
HOLDS = 24 * 3600  # seconds that a plan may be confirmed
MOST_NAMED = 8  # changes that a refusal names


@dataclass(frozen=True)
class Target:
    """One thing that the text names: as it is, as it shall be, and what that changes. `needs`: paths of secrets without a value."""

    given: Given
    now: Now
    wanted: Json
    changes: tuple[Change, ...]
    needs: tuple[str, ...]

    @property
    def new(self) -> bool:
        return self.now.state is None

    def refused(self, refused: Refused, path: Path) -> Refused:
        """What a verb refused, with the line and path of the file that it is about."""
        mistake = Mistake(self.given.document.line_of(path), f"{self.given.name}.{dotted(path)}", refused.message)
        return Refused(str(mistake), dotted(path) or None, refused.code)


@dataclass(frozen=True)
class Plan:
    text: str
    prune: bool
    targets: tuple[Target, ...]

    @property
    def count(self) -> int:
        """How much it changes: a thing that is made counts as one, besides its differences from a plain one."""
        return sum(len(target.changes) + target.new for target in self.targets)

    @property
    def needs(self) -> list[str]:
        """Names of secrets that must be given with the file: «service/snow:environments.production.settings.secrets.KEY»."""
        return [f"{target.given.key}:{path}" for target in self.targets for path in target.needs]

    @property
    def token(self) -> str:
        """Signed: this text, and the world as it was when the plan was made."""
        seen = {target.given.key: target.now.state for target in self.targets}
        return signing.dumps({"text": _hash(self.text, self.prune), "seen": seen}, salt=SALT, compress=True)


def make(actor: Actor, text: str, prune: bool = False) -> Plan:
    """Reads rows, changes nothing. A service that is not there for the actor is new: making it says that its name is taken. Raises
    Wrong with all mistakes.
    """
    targets, mistakes = [], []
    for given in reading.read(text):
        try:
            targets.append(_target(actor, given, prune))
        except Wrong as wrong:
            mistakes += wrong.mistakes
    if mistakes:
        raise Wrong(mistakes)
    return Plan(text, prune, tuple(targets))


def _target(actor: Actor, given: Given, prune: bool) -> Target:
    now = state.of(given.kind, given.name)
    if isinstance(now.row, Service) and not sees(actor, now.row):
        now = Now(None)
    _possible(given, now)
    try:
        wanted = merged(given.kind, now.state, unexpired(given.data, timezone.now()), prune, now.removable)
    except Unfit as unfit:
        path = path_of(given, unfit)
        words = unfit.refused.message
        raise Wrong([Mistake(given.document.line_of(path), dotted(path), words)]) from unfit
    before = now.state if now.state is not None else SERVICE if given.kind == "Service" else ENVIRONMENT
    return Target(given, now, wanted, tuple(changes(before, wanted)), tuple(needs(wanted, now)))


def _possible(given: Given, now: Now) -> None:
    """Raises Wrong for what no verb can do."""
    wrong: list[tuple[Path, str]] = []
    if given.kind == "Service":
        if now.state is None and not given.data.get("environments"):
            wrong.append(((), _("The service is new: name at least one environment.")))
        kind = given.data.get("type")
        if now.state is not None and kind not in (None, now.state["type"]):
            wrong.append((("type",), _("The type of a service does not change: it is %(type)s.") % now.state))
    elif now.state is None and given.name in RESERVED_ENVIRONMENTS:
        wrong.append((("name",), _("This word is taken by a page.")))
    if wrong:
        raise Wrong([Mistake(given.document.line_of(path), dotted(path), words) for path, words in wrong])


def unexpired(data: Json, at: datetime) -> Json:
    """Without freeze windows that are over."""
    windows = data.get("freezes")
    if not windows:
        return data
    return data | {"freezes": [one for one in windows if "ends" not in one or datetime.fromisoformat(one["ends"]) > at]}


def path_of(given: Given, unfit: Unfit) -> Path:
    """Where in the document that stands of which `parse` complains."""
    settings: Path = ("environments", unfit.environment, "settings")
    parts = (unfit.refused.field or "").split(".")
    return settings + within(given, unfit.environment, unfit.settings, parts)


def within(given: Given, environment: str, settings: Json, parts: list[str]) -> Path:
    """A field as `parse` names it, below a place's settings: hooks are counted as in the file."""
    if parts[0] == "secret_names":
        return ("secrets",)
    if parts[0] != "hooks" or len(parts) < 2 or not parts[1].isdigit():
        return tuple(part for part in parts if part)
    file = ((given.data.get("environments") or {}).get(environment) or {}).get("settings") or {}
    names = [hook.get("name") for hook in file.get("hooks") or []]
    number = int(parts[1]) - 1
    name = settings["hooks"][number].get("name") if 0 <= number < len(settings["hooks"]) else None
    return ("hooks", names.index(name), *parts[2:]) if name in names else ("hooks",)


def needs(wanted: Json, now: Now) -> list[str]:
    """Secrets that are wanted and have no value yet."""
    found: list[str] = []
    project = wanted.get("project") or {}
    if "repository_password" in project:
        old = now.state["project"]["repository"] if now.state is not None else None
        if "project.repository_password" not in now.stored or old != project["repository"]:
            found.append("project.repository_password")
    found += [f"project.build_secrets.{name}" for name in project.get("build_secrets", {})]
    for slug, place in wanted.get("environments", {}).items():
        base = f"environments.{slug}.settings"
        found += [f"{base}.secrets.{name}" for name in place["settings"]["secrets"]]
        found += [f"{base}.hooks.{hook['name']}.secret" for hook in place["settings"]["hooks"] if hook.get("signed")]
    return [one for one in found if one not in now.stored or one == "project.repository_password"]


def check_token(plan: Plan, token: str) -> None:
    """Raises Refused when the text is another one, or what differs now was not so when the plan was shown; it names what."""
    try:
        seen = signing.loads(token, salt=SALT, max_age=HOLDS)
    except signing.SignatureExpired:
        raise Refused(_("The difference was shown more than a day ago: look at it again."), "token") from None
    except signing.BadSignature:
        raise Refused(
            _("This is not the mark of a difference that was shown: look at the difference first."), "token", 400
        ) from None
    if seen["text"] != _hash(plan.text, plan.prune):
        raise Refused(_("The file is not the one whose difference was shown: look at the difference again."), "token")
    moved = [words for target in plan.targets for words in _moved(target, seen["seen"].get(target.given.key))]
    if moved:
        words = "; ".join(moved[:MOST_NAMED]) + (" …" if len(moved) > MOST_NAMED else "")
        refusal = _("Something was changed since the difference was shown (%(what)s): look at it again.")
        raise Refused(refusal % {"what": words}, "token")


def _moved(target: Target, seen: Json | None) -> list[str]:
    name, now = target.given.name, target.now.state
    if seen == now:
        return []
    if seen is None or now is None:
        return [_("%(name)s was made") % {"name": name} if seen is None else _("%(name)s was removed") % {"name": name}]
    words = _("%(name)s: %(field)s is now %(value)s, was %(old)s")
    found = [
        words % {"name": name, "field": one.name, "value": _short(one.after), "old": _short(one.before)}
        for one in changes(seen, now)
    ]
    return found or [name]


def _short(value: Any) -> str:
    text = "–" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _hash(text: str, prune: bool) -> str:
    return hashlib.sha256(f"{int(prune)}\n{text}".encode()).hexdigest()


def warnings_of(plan: Plan) -> list[str]:
    """What begins at once when it is confirmed, in numbers."""
    found = []
    for target in plan.targets:
        places = (target.now.state or {}).get("environments", {})
        for change in target.changes:
            if change.path[0] != "environments" or change.path[1] not in places:
                continue
            where = {"place": f"{target.given.name}/{change.path[1]}", "old": change.before, "new": change.after}
            if change.path[2:] == ("instances",):
                found.append(_("%(place)s is scaled at once, from %(old)s to %(new)s instances.") % where)
                if parts.scaled(target.wanted["environments"].get(change.path[1], {})):
                    words = _(
                        "A policy of elasticity scales %(place)s and will change that number: leave it out of the file."
                    )
                    found.append(words % where)
            elif change.kind == "removed" and len(change.path) == 2:
                found.append(
                    _("All instances of %(place)s are removed at once, and their addresses given back.") % where
                )
                row = target.now.row
                places_of = row.places.filter(environment__slug=change.path[1]) if isinstance(row, Service) else ()
                found += gone.losses(one for place in places_of for one in standing(place))
    return found
