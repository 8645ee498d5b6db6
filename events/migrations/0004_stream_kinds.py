from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0003_list_indexes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='stream',
            name='kind',
            field=models.CharField(max_length=40),
        ),
    ]
