"""Managing people was an SRE's: who is one now keeps it, by a grant. Base roles and memberships stay as they are."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def forwards(apps: Any, schema_editor: Any) -> None:
    grants = apps.get_model("accounts", "Grant")
    for person in apps.get_model("accounts", "User").objects.filter(role="sre"):
        grants.objects.get_or_create(
            user=person, role="admin", defaults={"reason": "Managed people when this was an SRE's right."}
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_roles_and_grants")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
