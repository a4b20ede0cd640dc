"""What is asked of the index for a search. Pure: terms → tokens that must, may and must not be there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xqplatform.audit.search import words
from xqplatform.audit.search.language import Query, Term
from xqplatform.audit.vias import VIAS

# A clause holds where all tokens of one of its sides are there.
Side = tuple[str, ...]
Clause = tuple[Side, ...]
NOTHING: Clause = (("none=",),)
MARKS = {"reason": "r", "before": "b", "after": "a"}
NAMES = {"env": "environment"}
# Fields of which a document has at most one value.
SINGLE = frozenset({"who", "via", "denied", "service", "environment", "host", "instance", "user"})
# Fields that every document has, with all values there are.
CLOSED = {"via": frozenset(VIAS), "denied": frozenset({"yes", "no"})}


@dataclass(frozen=True)
class Ask:
    """Every clause of `must` holds, none of `never`. `near` and `far` are pieces of a document's words that must, and must
    not, stand there: what tokens cannot tell, such as a phrase of three words or the end of a long one."""

    must: tuple[Clause, ...] = ()
    never: tuple[Clause, ...] = ()
    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return self == Ask()

    @property
    def impossible(self) -> bool:
        """Whether it is plain that no document can meet it, which an index finds out only by reading all of both lists."""
        fields = [field for field, _value in _values(self.must)]
        twice = any(field in SINGLE and fields.count(field) > 1 for field in fields)
        return twice or NOTHING in self.must or not set(self.must).isdisjoint(self.never)

    def holds(self, document: words.Document) -> bool:
        """The meaning of it: what an index has to find."""
        held = set(document.tokens)

        def met(clause: Clause) -> bool:
            return any(held.issuperset(side) for side in clause)

        return (
            all(map(met, self.must))
            and not any(map(met, self.never))
            and all(piece in document.words for piece in self.near)
            and not any(piece in document.words for piece in self.far)
        )


def _values(clauses: Iterable[Clause]) -> list[tuple[str, str]]:
    """(field, value) of the clauses that are nothing else."""
    alone = dict.fromkeys(clause[0][0] for clause in clauses if len(clause) == 1 and len(clause[0]) == 1)
    return [(field, value) for field, sign, value in (token.partition("=") for token in alone) if sign]


def ask(query: Query, also: Iterable[Clause] = ()) -> Ask:
    """`also`: clauses that hold beside what was typed (who may see what)."""
    must: list[Clause] = list(also)
    never: list[Clause] = []
    near: list[str] = []
    far: list[str] = []
    for term in query.terms:
        clause, piece = _clause(term)
        if not term.negated:
            must.append(clause)
            near += [piece] if piece else []
        elif piece:
            far.append(piece)
        else:
            never.append(clause)
    must, never = _turned(must, never)
    return Ask(tuple(dict.fromkeys(must)), tuple(dict.fromkeys(never)), tuple(near), tuple(far))


def _turned(must: list[Clause], never: list[Clause]) -> tuple[list[Clause], list[Clause]]:
    """Where most values of a closed field are left out, one of the others must be there: an index finds that by itself."""
    for field, values in CLOSED.items():
        out = {value for name, value in _values(never) if name == field} & values
        if 2 * len(out) >= len(values):
            never = [clause for clause in never if clause not in {((f"{field}={value}",),) for value in out}]
            must.append(tuple((f"{field}={value}",) for value in sorted(values - out)) or NOTHING)
    return must, never


def _clause(term: Term) -> tuple[Clause, str]:
    split = words.split(term.text)
    if term.field in MARKS:
        side = [f"{MARKS[term.field]}:{word}" for word in split] + list(words.pairs(split))
        return ((tuple(side),) if side else NOTHING), ""
    if term.field:
        sides: list[Side] = [(f"{NAMES.get(term.field, term.field)}={words.value(term.text)}",)]
        if term.field == "object" and split:  # the whole name, a key («containers.service:3»), or words of the name
            sides.append((*(f"o:{word}" for word in split), *words.pairs(split)))
        return tuple(sides), ""
    if not split:
        return NOTHING, ""
    return _whole(split) if term.whole else _typed(split)


def _whole(split: list[str]) -> tuple[Clause, str]:
    """The words as they stand, one after the other."""
    side = (*split, *words.pairs(split))
    return (side,), f" {' '.join(split)} " if len(split) > 2 else ""


def _typed(split: list[str]) -> tuple[Clause, str]:
    """What was typed in one piece («java8-v16») stands so, and its last word may go on."""
    *first, last = split
    begin = f"~{last[: words.MOST_BEGIN]}"
    short = len(last) < words.LEAST_BEGIN  # also a character of Chinese
    ends: list[Side] = [tuple(words.pairs([*first[-1:], last])) or (last,)] if short else [(begin,), (last,)]
    side = (*first, *words.pairs(first))
    told = (short and len(split) < 3) or (not first and len(last) <= words.MOST_BEGIN)
    return tuple((*side, *end) for end in ends), "" if told else f" {' '.join(split)}{' ' if short else ''}"
