"""The portal: pages for administrators, and the JSON that the original's portal asked for."""

from foundation.manifest import Capability, Manifest


class Portal(Capability):
    name = "apps.portal"
    manifest = Manifest(
        title="Administration",
        prefixes=("admin",),
        whole_paths=True,
        services=("admin",),
        calls=("apps.applications", "apps.usage", "apps.invocation", "apps.extraction", "apps.chunking", "apps.vectors"),
        django="apps.portal.configuration:django_settings",
    )
