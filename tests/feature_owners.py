"""What the tests of the services share: whose features, what is stored of them, what counts."""

from events.models import Event
from events.services import StreamKey
from features.models import Feature
from features.services import (
    get_features,
    overrides_of,
)
from tenancy.revision import touch_revision


def events_of(owner):
    key = StreamKey.of(owner)
    return list(
        Event.objects.filter(
            stream__kind=key.kind, stream__instance=key.instance, stream__owner=key.owner
        ).order_by("sequence")
    )


def own_values(owner):
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}


def make_features(start, count):
    Feature.objects.bulk_create(
        Feature(key=f"{start}_{n}", json_name=f"{start}{n}", kind="boolean", default=False)
        for n in range(count)
    )
    touch_revision()


def effective(owner, feature):
    values = {v.definition.key: v.effective for v in get_features(owner).values}
    return values[feature]
