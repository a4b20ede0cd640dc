from __future__ import annotations

from typing import Any

from django.db import migrations, models


def forwards(apps: Any, editor: Any) -> None:
    for row in apps.get_model("accounts", "Token").objects.exclude(environment=""):
        row.environments = [row.environment]
        row.save(update_fields=["environments"])


def backwards(apps: Any, editor: Any) -> None:
    """A token of several environments cannot be told any more: it loses its rights instead of gaining some."""
    for row in apps.get_model("accounts", "Token").objects.all():
        if len(row.environments) > 1 or row.services:
            row.rights = []
        row.environment = row.environments[0] if row.environments else ""
        row.save(update_fields=["environment", "rights"])


class Migration(migrations.Migration):
    """A token is kept to several environments, and to services."""

    dependencies = [("accounts", "0009_second_person")]
    operations = [
        migrations.AddField("token", "environments", models.JSONField(blank=True, default=list)),
        migrations.AddField("token", "services", models.JSONField(blank=True, default=list)),
        migrations.RunPython(forwards, backwards),
        migrations.RemoveField("token", "environment"),
    ]
