from django.db import migrations, models

from tenancy.operations import AddIndexInPlace

LOCKED = models.Q(('locked', True))


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('features', '0004_override_places'),
    ]

    operations = [
        AddIndexInPlace(
            model_name='organizationoverride',
            index=models.Index(fields=['instance', 'feature', 'id'], name='organizationoverride_instance'),
        ),
        AddIndexInPlace(
            model_name='organizationoverride',
            index=models.Index(condition=LOCKED, fields=['instance', 'feature', 'id'], name='organizationoverride_locked_in'),
        ),
        AddIndexInPlace(
            model_name='useroverride',
            index=models.Index(fields=['instance', 'feature', 'id'], name='useroverride_instance'),
        ),
        AddIndexInPlace(
            model_name='useroverride',
            index=models.Index(condition=LOCKED, fields=['instance', 'feature', 'id'], name='useroverride_locked_in'),
        ),
        AddIndexInPlace(
            model_name='useroverride',
            index=models.Index(fields=['organization', 'feature', 'id'], name='useroverride_organization'),
        ),
        AddIndexInPlace(
            model_name='useroverride',
            index=models.Index(condition=LOCKED, fields=['organization', 'feature', 'id'], name='useroverride_locked_org'),
        ),
    ]
