from typing import Any

from django.db import migrations, models


def keep_the_name(apps: Any, schema_editor: Any) -> None:
    """Containers carry an id made of the key so far; it stays when that key is rotated away."""
    from xqplatform.secrets import installation, keys

    name = installation.made_of(keys.oldest_text())
    apps.get_model("secrets", "Installation").objects.get_or_create(pk=1, defaults={"name": name})


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=16)),
            ],
        ),
        migrations.RunPython(keep_the_name, migrations.RunPython.noop),
    ]
