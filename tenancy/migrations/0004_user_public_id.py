from django.db import migrations, models

from tenancy.operations import AddIndexInPlace


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('tenancy', '0003_lists_in_order'),
    ]

    operations = [
        AddIndexInPlace(
            model_name='user',
            index=models.Index(fields=['public_id'], name='user_public_id'),
        ),
    ]
