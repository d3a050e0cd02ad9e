"""What the issuer declares: the OAuth2 and OpenID Connect paths of this machine, for applications and administrators."""

from apps.issuer.records import Administrator, Grant
from foundation.manifest import Capability, Manifest


class IssuerConfig(Capability):
    """The embedded issuer; on AWS, Cognito stands in its place."""

    name = "apps.issuer"
    manifest = Manifest(
        title="Issuer",
        prefixes=("oauth2", "login", "logout", "local_applications", "local_administrators"),
        whole_paths=True,
        records=(Administrator, Grant),
        described="apps.issuer.described:PATHS",
        prepare="apps.issuer.services:prepare",
        platforms=("embedded",),
    )
