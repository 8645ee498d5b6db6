"""Events say where they belong by keys: those that are there already get what is known of it."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

GONE = -1  # in an instance whose key nobody knows any more; 0 would be above the instances


def fill(apps, _schema_editor):
    """Give events the keys of tenants that still exist and were there when they happened."""
    names = ("Instance", "Organization", "User")
    instances, organizations, users = (apps.get_model("tenancy", name).objects for name in names)
    events, streams = (apps.get_model("events", name).objects for name in ("Event", "Stream"))

    def of_stream(column):
        return streams.filter(pk=OuterRef(OuterRef("stream"))).values(column)

    def keys(rows, key="pk", **narrowed):
        return Subquery(
            rows.filter(created_at__lte=OuterRef("created_at"), **narrowed).values(key)[:1]
        )

    here = {"instance": OuterRef("instance_key"), "public_id__in": of_stream("owner")}
    found = keys(instances, public_id__in=of_stream("instance"))
    events.exclude(stream__instance="").update(instance_key=Coalesce(found, GONE))
    located = events.filter(instance_key__gt=0)
    located.filter(stream__kind__startswith="organization").update(
        organization_key=keys(organizations, **here)
    )
    located.filter(stream__kind__startswith="user").update(
        organization_key=keys(users, "organization", **here)
    )
    # A user's organization is told of no roles but those that are held on it.
    places = {
        key: f"organization:{instance}/{public_id}"
        for key, instance, public_id in organizations.values_list(
            "pk", "instance__public_id", "public_id"
        )
    }
    roles = located.filter(stream__kind="user.roles", organization_key__isnull=False)
    elsewhere = [
        key
        for key, organization, before, after in roles.values_list(
            "pk", "organization_key", "before", "after"
        ).iterator(2000)
        if places.get(organization) not in (before, after)
    ]
    for start in range(0, len(elsewhere), 500):
        events.filter(pk__in=elsewhere[start : start + 500]).update(organization_key=None)


def settle(_apps, schema_editor):
    """Check the keys now: PostgreSQL indexes no table whose rows are still to be checked."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.connection.check_constraints()


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0005_lists_in_order'),
        ('tenancy', '0004_user_public_id'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='event',
            name='event_actor',
        ),
        migrations.RemoveIndex(
            model_name='event',
            name='event_time',
        ),
        migrations.RemoveIndex(
            model_name='event',
            name='event_type',
        ),
        migrations.AddField(
            model_name='event',
            name='instance_key',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='event',
            name='organization_key',
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(settle, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['stream', '-id'], name='event_of_stream'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('organization_key__isnull', False)), fields=['organization_key', '-id'], name='event_of_organization'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['instance_key', '-id'], name='event_of_instance'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['instance_key', 'type', '-id'], name='event_type'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['instance_key', 'subject', '-id'], name='event_subject_here'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['instance_key', 'actor_id', '-id'], name='event_actor'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['instance_key', 'created_at', 'id'], name='event_time'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('organization_key__isnull', False)), fields=['organization_key', 'created_at', 'id'], name='event_time_in_organization'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('run__isnull', False)), fields=['run', 'instance_key', '-id'], name='event_run_here'),
        ),
    ]
