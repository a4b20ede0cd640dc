from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('containers', '0008_kept_logs'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='container',
            name='last_log',
        ),
    ]
