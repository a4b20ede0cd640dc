from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_token_places")]

    operations = [
        migrations.AddField(model_name="invitation", name="mail_taken", field=models.DateTimeField(null=True)),
    ]
