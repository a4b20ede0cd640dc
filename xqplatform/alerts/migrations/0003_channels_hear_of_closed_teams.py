from typing import Any

from django.db import migrations, models


def as_they_did(apps: Any, schema_editor: Any) -> None:
    """Channels that there are heard of everything: nobody on call stops hearing because of an update."""
    apps.get_model("alerts", "Channel").objects.filter(owner=None).update(hears_closed=True)


class Migration(migrations.Migration):
    dependencies = [("alerts", "0002_own_channels")]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="hears_closed",
            field=models.BooleanField(default=False, verbose_name="hears of closed teams"),
        ),
        migrations.RunPython(as_they_did, migrations.RunPython.noop),
    ]
