"""Roles on organizations and tokens repeat the instance that they are in."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

SYSTEM_ROLES = ['SYSTEM_OWNER', 'SYSTEM_OWNER_VIEWER']
INSTANCE_ROLES = ['IAM_OWNER', 'IAM_OWNER_VIEWER', 'IAM_ORG_MANAGER', 'IAM_USER_MANAGER', 'IAM_LOGIN_CLIENT', 'IAM_ADMIN_IMPERSONATOR', 'IAM_END_USER_IMPERSONATOR']
ORGANIZATION_ROLES = ['ORG_OWNER', 'ORG_OWNER_VIEWER', 'ORG_SETTINGS_MANAGER', 'ORG_USER_MANAGER', 'ORG_ADMIN_IMPERSONATOR', 'ORG_END_USER_IMPERSONATOR']


def write_places(apps: Any, schema_editor: Any) -> None:
    """Copy the instance of each organization, user and client."""
    def instance_of(model: str, column: str) -> Subquery:
        rows = apps.get_model(model)._base_manager
        return Subquery(rows.filter(pk=OuterRef(column)).values('instance'))

    membership, token = _models(apps)
    on_organizations = membership.objects.exclude(organization=None)
    on_organizations.update(instance=instance_of('tenancy.organization', 'organization'))
    holder = instance_of(settings.AUTH_USER_MODEL, 'user'), instance_of('clients.apiclient', 'client')
    token.objects.update(instance=Coalesce(*holder))
    _settle(schema_editor)


def empty_places(apps: Any, schema_editor: Any) -> None:
    """Leave the organization alone to say on what a role is held."""
    membership, _token = _models(apps)
    membership.objects.exclude(organization=None).update(instance=None)
    _settle(schema_editor)


def _models(apps: Any) -> tuple[Any, Any]:
    return apps.get_model('access.membership'), apps.get_model('access.accesstoken')


def _settle(schema_editor: Any) -> None:
    """Check the new keys now: PostgreSQL alters no table whose rows are still to be checked."""
    if schema_editor.connection.vendor == 'postgresql':
        schema_editor.connection.check_constraints()


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0003_lists_in_order'),
        ('clients', '0001_initial'),
        ('tenancy', '0004_user_public_id'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='accesstoken',
            name='token_of_user_or_client',
        ),
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_organization_unique',
        ),
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_role_fits_owner',
        ),
        migrations.AddField(
            model_name='accesstoken',
            name='instance',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.instance'),
        ),
        migrations.AlterField(
            model_name='membership',
            name='instance',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='tenancy.instance'),
        ),
        migrations.RunPython(write_places, empty_places),
        migrations.AddConstraint(
            model_name='accesstoken',
            constraint=models.CheckConstraint(condition=Q(Q(('client', None), ('user__isnull', False)), Q(('client__isnull', False), ('instance__isnull', False), ('user', None)), _connector='OR'), name='token_of_user_or_client'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(condition=Q(('organization__isnull', False)), fields=('user', 'role', 'organization'), name='membership_organization_unique'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=Q(Q(('instance', None), ('organization', None), ('role__in', SYSTEM_ROLES)), Q(('instance__isnull', False), ('organization', None), ('role__in', INSTANCE_ROLES)), Q(('instance__isnull', False), ('organization__isnull', False), ('role__in', ORGANIZATION_ROLES)), _connector='OR'), name='membership_role_fits_owner'),
        ),
    ]
