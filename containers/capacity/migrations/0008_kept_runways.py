from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("capacity", "0007_groups_of_days"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptRunways",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("known", models.CharField(max_length=120)),
                ("ends", models.JSONField(default=list)),
            ],
        ),
    ]
