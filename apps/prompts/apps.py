"""Prompts: templates by name, each save a new version, kept apart for every application."""

from apps.prompts.records import LatestTemplate, TemplateVersion
from foundation.manifest import Capability, Manifest


class Prompts(Capability):
    name = "apps.prompts"
    manifest = Manifest(
        title="Prompts",
        prefixes=("prompt",),
        services=("prompt",),
        records=(TemplateVersion, LatestTemplate),
    )
