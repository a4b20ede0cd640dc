"""Lists: search, filters, sort and paging on the server, their state in the URL so that a view can be shared."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from xqplatform import audit
from xqplatform.accounts.http import actor_of
from xqplatform.web.streaming import in_portions, streamed

DASHED_MAC = re.compile(r"([0-9A-Fa-f]{2}-){2,5}[0-9A-Fa-f]{0,2}")
PER_PAGE = 50
Apply = Callable[[QuerySet[Any], str], QuerySet[Any]]


@dataclass
class Filter:
    """One filter: `choices` as (value, label), `by` a look-up such as «state» or a function of (rows, value)."""

    label: Any
    choices: Iterable[tuple[Any, Any]]
    by: str | Apply
    value: str = ""
    options: list[tuple[str, Any]] = field(default_factory=list)

    def apply(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(**{self.by: self.value}) if isinstance(self.by, str) else self.by(rows, self.value)


class Table:
    """A page of rows by the request's `q`, `sort`, `page` and filters. What makes no sense in them is ignored.

    `search` are look-ups that must contain every word of `q`; `sorts` maps a name of the URL to one or more fields;
    `default` is one of those names, with «-» for descending. In the template: `table.rows`, `table.page` for
    `{% pager table.page %}`, `{% include "web/_filters.html" %}`, and `{% sort_link "name" "Name" %}`.
    """

    def __init__(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        *,
        search: Sequence[str] = (),
        sorts: Mapping[str, str | Sequence[str]] | None = None,
        default: str = "",
        filters: Mapping[str, Filter] | None = None,
        per_page: int = PER_PAGE,
    ) -> None:
        self.request = request
        self.q = request.GET.get("q", "").replace("\x00", "").strip()[:200]
        self.searchable = bool(search)
        self.sorts = dict(sorts or {})
        self.filters = dict(filters or {})
        for name, one in self.filters.items():
            one.options = [(str(value), label) for value, label in one.choices]
            asked = request.GET.get(name, "")
            if asked in {value for value, _label in one.options} and asked:
                one.value = asked
                rows = one.apply(rows)
        rows = self._found(rows, search)
        asked = request.GET.get("sort", "")
        self.sort = asked if asked.removeprefix("-") in self.sorts else default
        rows = self._sorted(rows)
        self.queryset = rows
        self.page: Page[Any] = Paginator(rows, per_page).get_page(_number(request.GET.get("page", "1")))
        self.active = bool(self.q or any(f.value for f in self.filters.values()))

    def _found(self, rows: QuerySet[Any], search: Sequence[str]) -> QuerySet[Any]:
        for word in self.q.split() if search else []:
            found = Q()
            for look_up in search:
                found |= Q(**{look_up if look_up.endswith("with") else f"{look_up}__icontains": word})
                if look_up == "mac" and DASHED_MAC.fullmatch(word):
                    found |= Q(mac__icontains=word.replace("-", ":"))
            rows = rows.filter(found)
        return rows

    def _sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        name, down = self.sort.removeprefix("-"), self.sort.startswith("-")
        fields = self.sorts.get(name)
        if not fields:
            return rows
        names = [fields] if isinstance(fields, str) else list(fields)
        # The key at the end makes the order whole, so that no row is on two pages.
        return rows.order_by(
            *(F(n).desc(nulls_last=True) if down else F(n).asc(nulls_last=True) for n in names), "-pk" if down else "pk"
        )

    @property
    def rows(self) -> Page[Any]:
        return self.page

    @property
    def count(self) -> int:
        return int(self.page.paginator.count)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.page)

    def __len__(self) -> int:
        return len(self.page)


class ListTable(Table):
    """The same over rows in memory: `search` and `sorts` name their attributes, one each; what is not known comes last. Filters are
    functions.
    """

    def __init__(
        self,
        request: HttpRequest,
        rows: Sequence[Any],
        *,
        search: Sequence[str] = (),
        sorts: Mapping[str, str] | None = None,
        default: str = "",
        filters: Mapping[str, Filter] | None = None,
        per_page: int = PER_PAGE,
    ) -> None:
        super().__init__(
            request,
            rows,  # type: ignore[arg-type]
            search=search,
            sorts=sorts,
            default=default,
            filters=filters,
            per_page=per_page,
        )
        self.all: Sequence[Any] = list(self.queryset)

    def _found(self, rows: Any, search: Sequence[str]) -> Any:
        words = self.q.lower().split() if search else []
        return [
            row
            for row in rows
            if all(any(word in str(getattr(row, name)).lower() for name in search) for word in words)
        ]

    def _sorted(self, rows: Any) -> Any:
        name = self.sorts.get(self.sort.removeprefix("-"))
        if not name:
            return rows
        known = [row for row in rows if getattr(row, str(name)) is not None]
        unknown = [row for row in rows if getattr(row, str(name)) is None]
        return sorted(known, key=lambda row: getattr(row, str(name)), reverse=self.sort.startswith("-")) + unknown


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 1


class _Echo:
    def write(self, value: str) -> str:
        return value


def safe_cell(cell: Any) -> str:
    """The cell as text; what a spreadsheet would run as a formula is quoted. Numbers are none, also below zero."""
    text = "" if cell is None else str(cell)
    if isinstance(cell, int | float | Decimal):
        return text
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def csv_response(
    request: HttpRequest,
    name: str,
    head: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    *,
    count: int,
    obj: Model | None = None,
) -> StreamingHttpResponse:
    """A table to take along: an event tells who took it, from which page, with which filters, and how many rows (`count`).

    `obj`: what it is about, where that is one thing.
    """
    searched = request.GET.copy()
    searched.pop("format", None)
    after = {"rows": count, "page": request.path[:200], "search": searched.urlencode()[:500]}
    with transaction.atomic():
        audit.record(
            actor_of(request), "table.export", obj, name=name, after={k: v for k, v in after.items() if v != ""}
        )
    return csv_stream(request, name, head, rows)


def csv_stream(
    request: HttpRequest, name: str, head: Sequence[Any], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """The same for whoever writes the event. Streamed; cells that a spreadsheet would run as a formula are made text."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield "\ufeff"  # so that spreadsheets read UTF-8
        yield writer.writerow([str(cell) for cell in head])
        for row in rows:
            yield writer.writerow([safe_cell(cell) for cell in row])

    response = streamed(request, in_portions(lines()), "text/csv; charset=utf-8")
    plain = re.sub(r"[^\w.-]", "_", name)
    response["Content-Disposition"] = f'attachment; filename="{plain}"'
    return response
