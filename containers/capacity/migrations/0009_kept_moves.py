from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("capacity", "0008_kept_runways"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptMoves",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made", models.DateTimeField()),
                ("proposal", models.JSONField(default=dict)),
                ("pinned", models.JSONField(default=dict)),
            ],
        ),
    ]
