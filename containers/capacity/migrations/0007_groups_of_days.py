from django.db import migrations
from django.db.models import OuterRef, Subquery


def stand(apps, schema_editor):
    """Of days before, the group of today is all that is known; bills went by it."""
    host, day = apps.get_model("hosts", "Host"), apps.get_model("capacity", "HostDay")
    group = host.objects.filter(pk=OuterRef("host")).values("group")[:1]
    day.objects.update(group=Subquery(group))


class Migration(migrations.Migration):

    dependencies = [
        ("capacity", "0006_days_as_they_were"),
    ]

    operations = [
        migrations.RunPython(stand, migrations.RunPython.noop),
    ]
