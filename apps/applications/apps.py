"""Applications: who may call. Onboarding, credentials, activation."""

from apps.applications.records import Application, ApplicationName, Policy
from foundation.manifest import Capability, Manifest


class Applications(Capability):
    name = "apps.applications"
    manifest = Manifest(title="Applications", records=(Application, ApplicationName, Policy))
