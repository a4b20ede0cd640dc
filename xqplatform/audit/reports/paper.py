"""Puts a month's figures into words of the reader's language: what the PDF and the CSV both show. Pure but for the language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform.audit import sentences
from xqplatform.audit.reports import months
from xqplatform.audit.reviews import rules
from xqplatform.web import states
from xqplatform.web.paper import Line, Section, Tile


@dataclass(frozen=True)
class Report:
    month: str
    title: str
    subtitle: str
    tiles: Sequence[Tile]
    days: Sequence[int]
    proof: Sequence[Line]
    look: Sequence[Line]
    most: Section  # what was done most often
    ages: Section  # of open reviews
    sections: Sequence[Section] = field(default_factory=list)


def report(month: str, figures: Mapping[str, Any], made: datetime) -> Report:
    """In the language that is active. Raises ValueError for what is no month."""
    start, end = months.bounds(month)
    words = {"time": f"{made:%Y-%m-%d %H:%M}"}
    until = (
        _("The month is not over: as of %(time)s UTC.")
        if made < end
        else _("The whole month by UTC; counted on %(time)s UTC.")
    )
    return Report(
        month=month,
        title=date_format(start, "YEAR_MONTH_FORMAT"),
        subtitle=until % words,
        tiles=_tiles(figures),
        days=figures["days"],
        proof=_proof(figures["chain"]),
        look=_look(figures),
        most=Section(
            _("Most often"),
            [_("What"), _("Done"), _("Denied")],
            [[_words(a), done, denied] for a, done, denied in figures["actions"]],
            frozenset({1, 2}),
        ),
        ages=_ages(figures),
        sections=_sections(figures),
    )


def _tiles(f: Mapping[str, Any]) -> list[Tile]:
    before = f["before"]
    # A month without any event is from before the platform: nothing to compare with.
    was = (lambda name: before[name]) if before["n_events"] else (lambda _name: None)
    ended = ", ".join(f"{n} {_state(state)}" for state, n in f["releases"].items())
    reviews = f["reviews"]
    age = reviews["oldest"][0][1] if reviews["oldest"] else 0
    waits = ngettext("oldest: %(n)d day", "oldest: %(n)d days", age) % {"n": age} if reviews["open"] else ""
    taken = ngettext("%(n)d event was taken", "%(n)d events were taken", reviews["taken"]) % {"n": reviews["taken"]}
    people = ngettext("%(n)d person", "%(n)d people", f["active"]) % {"n": f["active"]}
    return [
        Tile(_("Events"), f["n_events"], was("n_events"), people),
        Tile(_("Releases begun"), f["n_begun"], was("n_begun"), ended),
        Tile(_("Changes of rights"), f["n_rights"], was("n_rights")),
        Tile(_("Terminals and commands in production"), f["terminals"]["n"]),
        Tile(_("Glass broken"), f["n_glass"], was("n_glass"), bad=bool(f["n_glass"])),
        Tile(_("Denied attempts"), f["n_denied"], was("n_denied")),
        Tile(_("Failed sign-ins"), f["n_failed"], was("n_failed")),
        Tile(_("Done past the platform"), f["n_past_platform"], was("n_past_platform"), bad=bool(f["n_past_platform"])),
        Tile(_("Reviews done"), reviews["done"], None, taken),
        Tile(_("Reviews open"), reviews["open"], None, waits, bad=bool(age >= 30)),
    ]


def _proof(chain: Mapping[str, Any]) -> list[Line]:
    """What proves that the log is as it was written."""
    lines = []
    verified, mark, last = chain["verified"], chain["checkpoint"], chain["last"]
    if verified is None:
        lines.append(Line(_("The log was not verified yet."), False))
    elif verified["good"]:
        words = _(
            "Verified on %(time)s UTC up to position %(position)s against %(checkpoints)s signed checkpoints: nothing was changed, removed, inserted or reordered."
        )
        lines.append(Line(words % _grouped(verified), True))
    else:
        words = _(
            "The verification of %(time)s UTC did not succeed: %(found)s faults up to position %(position)s. See the page of the proof."
        )
        lines.append(Line(words % _grouped(verified), False))
    if mark is None:
        lines.append(Line(_("There is no signed checkpoint yet."), False))
    elif last is not None and last <= mark["position"]:
        words = _(
            "The month's last event has position %(last)s; the signed checkpoint of %(time)s UTC at position %(position)s has it."
        )
        lines.append(Line(words % _grouped({**mark, "last": last}), True))
    elif chain["events"]:
        words = _(
            "The newest signed checkpoint is of %(time)s UTC, at position %(position)s: the month's last events came after it."
        )
        lines.append(Line(words % _grouped(mark), False))
    if chain["archived"]:
        lines.append(Line(_("Events of this month lie in sealed archives and are not counted here."), False))
    if not chain["sent"]:
        lines.append(
            Line(_("No checkpoint leaves this machine: who has all of it could write a log anew and sign it."), False)
        )
    return lines + [Line(words, False) for words in chain["troubles"] if verified is None or verified["good"]]


def _grouped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as one reads them."""
    return {name: f"{one:,}" if isinstance(one, int) else one for name, one in values.items()}


def _look(f: Mapping[str, Any]) -> list[Line]:
    """What somebody has to look at; one good line where there is nothing."""
    found = []
    unseen = sum(not who for *_rest, who, _comment in f["glass"])
    old = f["reviews"]["ages"][-1]
    for n, words in (
        (unseen, ngettext("%(n)d broken glass was not reviewed.", "%(n)d broken glasses were not reviewed.", unseen)),
        (old, ngettext("%(n)d review is open for more than 30 days.", "%(n)d reviews are open for more than 30 days.", old)),
        (f["n_past_platform"], ngettext("%(n)d event tells of what was done on engines past the platform.", "%(n)d events tell of what was done on engines past the platform.", f["n_past_platform"])),
    ):  # fmt: skip
        if n:
            found.append(Line(words % {"n": n}, False))
    top = f["refused"][0] if f["refused"] else None
    if top is not None and top[2] >= 10:
        words = _("%(who)s was denied %(n)d times: %(what)s.")
        found.append(Line(words % {"who": top[0], "n": top[2], "what": _wanted(top[1])}, False))
    return found or [Line(_("Nothing stands out."), True)]


def _sections(f: Mapping[str, Any]) -> list[Section]:
    numbers = frozenset
    when, who, what, why = _("When (UTC)"), _("Who"), _("What"), _("Why")
    return [
        Section(
            _("Glass broken"), [when, who, _("Release"), why, _("Review")],
            [[at, by, name, reason, f"{seen}: {said}" if seen else _("open")] for at, by, name, reason, seen, said in f["glass"]],
        ),
        Section(
            _("Terminals and commands in production"), [who, _("Where"), what, _("Times")],
            [[by, name, _words(action), n] for by, name, action, n in f["terminals"]["listed"]], numbers({3}),
        ),
        Section(
            _("Changes of rights"), [when, who, what, _("Of what"), why],
            [[at, by, _words(action), name, reason] for at, by, action, name, reason in f["rights"]],
        ),
        Section(
            _("Done on engines past the platform"), [_("Host"), what, _("Times")],
            [[host, _words(action), n] for host, action, n in f["past_platform"]], numbers({2}),
        ),
        Section(
            _("Denied attempts"), [who, what, _("Times")],
            [[by, _wanted(action), n] for by, action, n in f["refused"]], numbers({2}),
        ),
        Section(_("Failed sign-ins"), [_("Name"), _("From"), _("Times")], f["failed"], numbers({2})),
        _ages(f),
        Section(
            _("Open reviews, the oldest first"), [when, _("Days"), who, what, _("Of what")],
            [[at, days, by, _words(action), name] for at, days, by, action, name, _denied in f["reviews"]["oldest"]], numbers({1}),
        ),
        Section(_("Releases that ended"), [_("State"), _("Releases")], [[_state(s), n] for s, n in f["releases"].items()], numbers({1})),
        Section(_("By person"), [who, _("Done"), _("Denied")], f["people"], numbers({1, 2})),
        Section(
            _("By action"), [what, _("Action"), _("Done"), _("Denied")],
            [[_words(action), action, done, denied] for action, done, denied in f["actions"]], numbers({2, 3}),
        ),
    ]  # fmt: skip


def _ages(f: Mapping[str, Any]) -> Section:
    rows = [[str(words), n] for (_days, words), n in zip(rules.AGES, f["reviews"]["ages"], strict=True)]
    return Section(_("Open reviews by age"), [_("Age"), _("Events")], rows, frozenset({1}))


def _words(action: str) -> str:
    return capfirst(str(sentences.ACTIONS.get(action) or sentences.RIGHTS.get(action) or action)).rstrip(":：")


def _wanted(action: str) -> str:
    """What somebody was denied: the right that was lacking."""
    return str(sentences.RIGHTS.get(action) or sentences.ACTIONS.get(action) or action)


def _state(state: str) -> str:
    return str(states.look(state).word)
