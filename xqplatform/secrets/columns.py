"""All encrypted columns, found by the class of their fields, and what stands in them under which key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Count, F, Field, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast, Substr

from xqplatform.secrets import EncryptedTextField, TokenField
from xqplatform.secrets.keyring import ID_LENGTH, UNMARKED, Keyring, key_of


@dataclass(frozen=True)
class Column:
    """One encrypted column; `stored_token` of its rows is what stands in the database."""

    model: type[Model]
    field: str

    def __str__(self) -> str:
        return f"{self.model._meta.label_lower}.{self.field}"

    def rows(self) -> QuerySet[Any]:
        """Its rows that hold something, with the token as it is."""
        token = Cast(F(self.field), output_field=TextField())
        return self.model._base_manager.annotate(stored_token=token).exclude(stored_token="")

    def counts(self) -> dict[str, int]:
        """How many tokens there are under each key's id; UNMARKED: under one that is not named."""
        begin = Substr("stored_token", 1, ID_LENGTH + 1, output_field=TextField())
        found: dict[str, int] = {}
        for text, count in self.rows().values_list(begin).annotate(n=Count("pk")).order_by():
            found[key_of(text)] = found.get(key_of(text), 0) + count
        return found

    def stale(self, key_id: str, after: Any, most: int) -> list[tuple[Any, str]]:
        """The first rows behind a primary key whose token is not under this key, as (primary key, token)."""
        rows = self.rows().exclude(stored_token__startswith=f"{key_id}:").order_by("pk")
        return list((rows if after is None else rows.filter(pk__gt=after)).values_list("pk", "stored_token")[:most])

    def under(self, key_id: str, most: int) -> list[Any]:
        """Primary keys of the first rows whose token names this key."""
        rows = self.rows().filter(stored_token__startswith=f"{key_id}:").order_by("pk")
        return list(rows.values_list("pk", flat=True)[:most])

    def renewed(self, token: str, ring: Keyring) -> str:
        """The same under the newest key. Raises Undecryptable."""
        return ring.encrypt(ring.decrypt(token))

    def swap(self, pk: Any, old: str, new: str) -> bool:
        """Puts a token in the place of another, if that still stands there: who wrote meanwhile has won."""
        changed = Value(new, output_field=TextField())
        return bool(self.rows().filter(pk=pk, stored_token=old).update(**{self.field: changed}))


@dataclass(frozen=True)
class JsonColumn:
    """A JSON column of a library in which some texts are tokens. Few rows: all are read."""

    model: type[Model]
    field: str

    def __str__(self) -> str:
        return f"{self.model._meta.label_lower}.{self.field}"

    def _rows(self) -> Iterator[tuple[Any, Any, list[str]]]:
        for pk, data in self.model._base_manager.order_by("pk").values_list("pk", self.field):
            if found := list(tokens_in(data)):
                yield pk, data, found

    def counts(self) -> dict[str, int]:
        """How many tokens there are under each key's id."""
        return dict(Counter(key_of(token) for _pk, _data, found in self._rows() for token in found))

    def stale(self, key_id: str, after: Any, most: int) -> list[tuple[Any, Any]]:
        """The first rows behind a primary key with a token that is not under this key, as (primary key, data)."""
        rows = self._rows() if after is None else (row for row in self._rows() if row[0] > after)
        return [(pk, data) for pk, data, found in rows if any(key_of(token) != key_id for token in found)][:most]

    def under(self, key_id: str, most: int) -> list[Any]:
        """Primary keys of the first rows with a token that names this key."""
        return [pk for pk, _data, found in self._rows() if key_id in map(key_of, found)][:most]

    def renewed(self, data: Any, ring: Keyring) -> Any:
        """The same with all tokens under the newest key. Raises Undecryptable."""
        if isinstance(data, dict):
            return {name: self.renewed(value, ring) for name, value in data.items()}
        if isinstance(data, list):
            return [self.renewed(value, ring) for value in data]
        return ring.encrypt(ring.decrypt(data)) if isinstance(data, str) and TOKEN.match(data) else data

    def swap(self, pk: Any, old: Any, new: Any) -> bool:
        """Puts the data in the place of the other, if that still stands there."""
        return bool(self.model._base_manager.filter(pk=pk, **{self.field: old}).update(**{self.field: new}))


TOKEN = re.compile(r"(?:[0-9a-f]{8}:)?gAAAA[\w-]{60,}={0,2}$")
# JSON columns in which libraries keep tokens, as («app.Model», field): filled when apps are ready.
JSON: list[tuple[str, str]] = []


def tokens_in(data: Any) -> Iterator[str]:
    """All tokens in a JSON value."""
    if isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from tokens_in(value)
    elif isinstance(data, str) and TOKEN.match(data):
        yield data


def columns() -> list[Column]:
    """Every encrypted column of every model."""
    return sorted(_found(), key=str)


def everything() -> list[Column | JsonColumn]:
    """These, and the JSON columns that hold tokens."""
    return [*columns(), *(JsonColumn(apps.get_model(model), field) for model, field in JSON)]


def _found() -> Iterator[Column]:
    for model in apps.get_models():
        if model._meta.proxy or not model._meta.managed:
            continue
        for field in model._meta.local_fields:
            if is_encrypted(field):
                yield Column(model, field.name)


def is_encrypted(field: Field[Any, Any]) -> bool:
    return isinstance(field, EncryptedTextField | TokenField)


__all__ = ["JSON", "UNMARKED", "Column", "JsonColumn", "columns", "everything", "is_encrypted"]
