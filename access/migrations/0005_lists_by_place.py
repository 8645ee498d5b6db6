from django.db import migrations, models

from tenancy.operations import AddIndexInPlace


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('access', '0004_places'),
    ]

    operations = [
        AddIndexInPlace(
            model_name='accesstoken',
            index=models.Index(fields=['instance', '-id'], name='token_of_instance'),
        ),
        AddIndexInPlace(
            model_name='membership',
            index=models.Index(fields=['instance', 'id'], name='membership_of_instance'),
        ),
        AddIndexInPlace(
            model_name='membership',
            index=models.Index(fields=['instance', 'role', 'id'], name='membership_instance_role'),
        ),
        AddIndexInPlace(
            model_name='membership',
            index=models.Index(fields=['organization', 'role', 'id'], name='membership_organization_role'),
        ),
        migrations.RemoveIndex(
            model_name='membership',
            name='membership_role',
        ),
    ]
