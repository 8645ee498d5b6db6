import django.db.models.deletion
from django.db import migrations, models

PLACE = {
    'db_constraint': False,
    'db_index': False,
    'editable': False,
    'on_delete': django.db.models.deletion.DO_NOTHING,
    'related_name': '+',
}


class Migration(migrations.Migration):

    dependencies = [
        ('features', '0003_lists_in_order'),
        ('tenancy', '0004_user_public_id'),
    ]

    operations = [
        migrations.AddField(
            model_name='organizationoverride',
            name='instance',
            field=models.ForeignKey(null=True, to='tenancy.instance', **PLACE),
        ),
        migrations.AddField(
            model_name='useroverride',
            name='instance',
            field=models.ForeignKey(null=True, to='tenancy.instance', **PLACE),
        ),
        migrations.AddField(
            model_name='useroverride',
            name='organization',
            field=models.ForeignKey(null=True, to='tenancy.organization', **PLACE),
        ),
        migrations.RunSQL(
            """
            UPDATE features_organizationoverride SET instance_id = (
                SELECT o.instance_id FROM tenancy_organization o WHERE o.id = owner_id)
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """
            UPDATE features_useroverride SET (instance_id, organization_id) = (
                SELECT u.instance_id, u.organization_id FROM tenancy_user u WHERE u.id = owner_id)
            """,
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='organizationoverride',
            name='instance',
            field=models.ForeignKey(to='tenancy.instance', **PLACE),
        ),
    ]
