"""Many rows at once, for what is measured with a whole fleet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def put(model: Any, rows: Iterator[Any], size: int = 2000) -> None:
    from django.db import transaction

    with transaction.atomic():
        while part := [row for _n, row in zip(range(size), rows, strict=False)]:
            model.objects.bulk_create(part)
