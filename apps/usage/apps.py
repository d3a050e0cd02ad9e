"""What usage is: the account of every model call, by call and by day."""

from apps.usage.records import Content, DayUsage, Invocation
from foundation.manifest import Capability, Manifest


class UsageConfig(Capability):
    name = "apps.usage"
    manifest = Manifest(
        title="Usage",
        prefixes=("usage",),
        services=("usage",),
        records=(Invocation, DayUsage, Content),
        checks="apps.usage.services:findings",
        starts="apps.usage.services:start",
        metrics="apps.usage.services:prometheus",
    )
