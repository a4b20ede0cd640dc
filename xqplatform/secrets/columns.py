"""All encrypted columns, found by the class of their fields, and what stands in them under which key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Count, F, Field, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast, Substr

from xqplatform.secrets import EncryptedTextField, TokenField
from xqplatform.secrets.keyring import ID_LENGTH, UNMARKED, key_of


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

    def not_under(self, key_id: str) -> QuerySet[Any]:
        """Rows whose token is not under this key."""
        return self.rows().exclude(stored_token__startswith=f"{key_id}:")

    def under(self, key_id: str) -> QuerySet[Any]:
        """Rows whose token names this key."""
        return self.rows().filter(stored_token__startswith=f"{key_id}:")

    def swap(self, pk: Any, old: str, new: str) -> bool:
        """Puts a token in the place of another, if that still stands there: who wrote meanwhile has won."""
        changed = Value(new, output_field=TextField())
        return bool(self.rows().filter(pk=pk, stored_token=old).update(**{self.field: changed}))


def columns() -> list[Column]:
    """Every encrypted column of every model."""
    return sorted(_found(), key=str)


def _found() -> Iterator[Column]:
    for model in apps.get_models():
        if model._meta.proxy or not model._meta.managed:
            continue
        for field in model._meta.local_fields:
            if is_encrypted(field):
                yield Column(model, field.name)


def is_encrypted(field: Field[Any, Any]) -> bool:
    return isinstance(field, EncryptedTextField | TokenField)


__all__ = ["UNMARKED", "Column", "columns", "is_encrypted"]
