from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_denied_events")]

    operations = [
        migrations.AddField(model_name="event", name="token", field=models.CharField(max_length=150, null=True)),
    ]
