"""A capability that only tests have: tasks that succeed, fail and die as they are told."""

from foundation.manifest import Capability, Manifest, Queue, minutes


class RehearsalConfig(Capability):
    name = "apps.rehearsal"
    manifest = Manifest(
        title="Rehearsal",
        queues=(
            Queue("rehearsal", visibility=minutes(15), attempts=3),
            Queue("hurried", visibility=minutes(1 / 60), attempts=3),
            Queue("brief", visibility=minutes(4 / 60), attempts=3),
        ),
        prepare="apps.rehearsal.tasks:prepared",
    )
