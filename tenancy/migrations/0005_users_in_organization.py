from django.db import migrations, models

from tenancy.operations import AddIndexInPlace


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('tenancy', '0004_user_public_id'),
    ]

    operations = [
        AddIndexInPlace(
            model_name='user',
            index=models.Index(fields=['organization', 'folded_name', 'id'], name='user_by_name_in_organization'),
        ),
        AddIndexInPlace(
            model_name='user',
            index=models.Index(fields=['organization', 'folded_email', 'id'], name='user_by_email_in_organization'),
        ),
    ]
