"""The portal: pages for administrators, and the JSON that the original's portal asked for."""

from foundation.apps import Foundation
from foundation.manifest import Action, Capability, Manifest

POOL = "${ApplicationsPoolArn}"
SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Deployment}/*"


class Portal(Capability):
    name = "apps.portal"
    manifest = Manifest(
        title="Administration",
        prefixes=("admin",),
        whole_paths=True,
        services=("admin",),
        calls=("apps.applications", "apps.usage", "apps.invocation", "apps.extraction", "apps.chunking", "apps.vectors"),
        keeps=Foundation.records,
        actions=(
            Action("cognito-idp:CreateUserPoolClient", POOL, "an administrator takes in an application"),
            Action("cognito-idp:DeleteUserPoolClient", POOL, "an application that could not be taken in whole is removed"),
            Action("cognito-idp:AddUserPoolClientSecret", POOL, "a second secret, for rotation"),
            Action("cognito-idp:ListUserPoolClientSecrets", POOL, "which secrets there are, before one more is added"),
            Action("cognito-idp:DeleteUserPoolClientSecret", POOL, "an old secret ends"),
            Action(
                "secretsmanager:GetSecretValue",
                SECRETS,
                "of the portal's own application, by which it calls the API",
            ),
            Action("secretsmanager:PutSecretValue", SECRETS, "secrets of applications and keys of model providers"),
            Action("secretsmanager:CreateSecret", SECRETS, "the same, for the first time"),
            Action("secretsmanager:DeleteSecret", SECRETS, "of an application that could not be taken in whole"),
        ),
        django="apps.portal.configuration:django_settings",
        front=True,
    )
