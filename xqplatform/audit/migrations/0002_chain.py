"""Events are sealed and linked. What was recorded before is sealed now, once; afterwards the database refuses changes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

AT_ONCE = 1000


def seal_what_is_there(apps, schema_editor):
    from xqplatform.audit.chain import canonical, own
    from xqplatform.audit.models import content

    Event = apps.get_model("audit", "Event")
    Unlinked = apps.get_model("audit", "Unlinked")
    last = 0
    while rows := list(Event.objects.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        for row in rows:
            row.seal = own.current().seal(canonical.body(content(row)))
        Event.objects.bulk_update(rows, ["seal"], batch_size=200)
        Unlinked.objects.bulk_create(Unlinked(event_id=row.pk) for row in rows)
        last = rows[-1].pk


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("audit", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Link",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField(unique=True)),
                ("previous", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                ("form", models.PositiveSmallIntegerField(default=1)),
            ],
            options={"ordering": ["position"]},
        ),
        migrations.CreateModel(
            name="Unlinked",
            fields=[("event_id", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.AlterField(
            model_name="event",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="seal",
            field=models.CharField(editable=False, max_length=80, null=True),
        ),
        migrations.RunPython(seal_what_is_there, migrations.RunPython.noop),
    ]
