"""`filter(pk__among=keys)`: one of thousands of keys, sent as one value. A place holder for each costs more than the search itself."""

from __future__ import annotations

import json
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField
from django.db.models.lookups import Lookup


@BigIntegerField.register_lookup
class Among(Lookup):  # type: ignore[type-arg]
    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        left, params = self.process_lhs(compiler, connection)
        keys = [int(key) for key in self.rhs]
        if connection.vendor == "postgresql":
            return f"{left} = ANY(%s)", [*params, keys]
        return f"{left} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(keys)]  # noqa: S608  # a column's name
