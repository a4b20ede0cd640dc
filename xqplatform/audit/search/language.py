"""What is typed into the search box, read. Pure: it knows no database and never raises.

    who:wangfang -via:system "rolled back" reason:"more memory" action:service.* 内存

Words and phrases are looked for everywhere, `name:value` in a field; a minus means not; all of them must hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

FIELDS = (
    "who", "action", "kind", "object", "service", "env", "host", "instance", "via", "ip", "request", "denied", "reason",
    "before", "after", "token",
)  # fmt: skip
OTHER_NAMES = {"actor": "who", "user": "who", "environment": "env", "request_id": "request", "object_type": "kind"}
YES, NO = {"yes", "true", "1", "on"}, {"no", "false", "0", "off"}
MOST_TERMS = 24
MOST_TEXT = 1000
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb", "\u300c": "\u300d"}
_NAME = re.compile(r"([A-Za-z_]{2,20})[:\uff1a]")


@dataclass(frozen=True)
class Term:
    """One condition. `field` is empty for words that may stand anywhere; `whole` was in quotes."""

    field: str
    text: str
    whole: bool = False
    negated: bool = False

    def __str__(self) -> str:
        bare = not self.whole and self.text and not re.search(r"\s|^-|[\"\u201c\u00ab\u300c]", self.text)
        text = self.text if bare else '"' + self.text.replace('"', "") + '"'
        return f"{'-' if self.negated else ''}{self.field + ':' if self.field else ''}{text}"


@dataclass(frozen=True)
class Query:
    terms: tuple[Term, ...] = ()
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def having(self, field: str) -> list[str]:
        return [term.text for term in self.terms if term.field == field and not term.negated]


def parse(text: str) -> Query:
    """Everything that could be read, and a sentence for each thing that could not."""
    problems: list[str] = []
    if len(text) > MOST_TEXT:
        problems.append(_("The search is longer than %(n)d characters.") % {"n": MOST_TEXT})
        text = text[:MOST_TEXT]
    text = text.replace("\x00", " ")
    terms: list[Term] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        term, at = _term(text, at, problems)
        if term is not None and term not in terms:
            terms.append(term)
    if len(terms) > MOST_TERMS:
        problems.append(_("More than %(n)d conditions: the others are left out.") % {"n": MOST_TERMS})
    return Query(tuple(terms[:MOST_TERMS]), tuple(dict.fromkeys(problems)))


def _term(text: str, at: int, problems: list[str]) -> tuple[Term | None, int]:
    begin = at
    negated = text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace()
    at += negated
    name = ""
    if found := _NAME.match(text, at):
        name = OTHER_NAMES.get(found[1].lower(), found[1].lower())
        if name in FIELDS:
            at = found.end()
        else:
            name = ""
    word, whole, at = _value(text, at, problems)
    if name and not word.strip():
        problems.append(_("Nothing is said after «%(name)s:».") % {"name": name})
        return None, at
    # «tag:fd63ea39» is no field of ours and may be what somebody looks for; «whom:dan» surely is a slip.
    if found and not name and found.end() < at and found[1].lower() in _near():
        problems.append(
            _("There is no field «%(name)s». Fields are: %(all)s.") % {"name": found[1], "all": ", ".join(FIELDS)}
        )
    if name == "denied":
        if word.lower() not in YES | NO:
            problems.append(_("«denied:» takes yes or no, not «%(text)s».") % {"text": word[:40]})
            return None, at
        word = "yes" if word.lower() in YES else "no"
    return (Term(name, word, whole, negated), at) if word.strip() else (None, max(at, begin + 1))


def _near() -> set[str]:
    return {f"{name}s" for name in FIELDS} | {"whom", "what", "by", "from", "when", "why", "address", "id", "deny"}


def _value(text: str, at: int, problems: list[str]) -> tuple[str, bool, int]:
    """A word up to the next space, or what stands in quotes."""
    if at < len(text) and text[at] in _QUOTES:
        end = text.find(_QUOTES[text[at]], at + 1)
        if end < 0:
            problems.append(_("A quotation mark is not closed."))
            end = len(text)
        return " ".join(text[at + 1 : end].split()), True, end + 1
    end = at
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[at:end], False, end


def replaced(query: Query, field: str, text: str, *, negated: bool = False) -> str:
    """The search as text with one more condition on a field, instead of those that it had."""
    kept = [term for term in query.terms if term.field != field or (term.negated and not negated)]
    term = Term(field, text, whole=bool(re.search(r"\s", text)), negated=negated)
    return str(Query((*kept, term)))


def without(query: Query, term: Term) -> str:
    return str(Query(tuple(one for one in query.terms if one != term)))
