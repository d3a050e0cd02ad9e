"""The portal: pages for administrators, and the JSON that the original's portal asked for."""

from foundation.apps import Foundation
from foundation.manifest import Action, Capability, Manifest

POOL = "${ApplicationsPoolArn}"
SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Deployment}/*_client_secret-*"
DIRECTORY = "foundation.adapters.aws.directory:CognitoDirectory"
KEPT = (f"{DIRECTORY}._kept", "apps.portal.relay:application", "apps.portal.relay:fetched")


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
            Action(
                "cognito-idp:CreateUserPoolClient",
                POOL,
                "an administrator takes in an application",
                by=(f"{DIRECTORY}.create",),
            ),
            Action(
                "cognito-idp:DeleteUserPoolClient",
                POOL,
                "an application that could not be taken in whole is removed",
                by=(f"{DIRECTORY}._removed",),
            ),
            Action(
                "cognito-idp:AddUserPoolClientSecret",
                POOL,
                "a second secret, for rotation",
                by=(f"{DIRECTORY}.rotate",),
            ),
            Action(
                "cognito-idp:ListUserPoolClientSecrets",
                POOL,
                "which secrets there are, before one more is added",
                by=(f"{DIRECTORY}._secret_ids",),
            ),
            Action(
                "cognito-idp:DeleteUserPoolClientSecret",
                POOL,
                "an old secret ends",
                by=(f"{DIRECTORY}.rotate", f"{DIRECTORY}.revoke_old"),
            ),
            Action(
                "secretsmanager:GetSecretValue",
                SECRETS,
                "the portal's own application calls the API by it",
                by=("apps.portal.relay:fetched",),
            ),
            Action("secretsmanager:PutSecretValue", SECRETS, "what an application was given", by=KEPT),
            Action("secretsmanager:CreateSecret", SECRETS, "the same, for the first time", by=KEPT),
            Action(
                "secretsmanager:DeleteSecret",
                SECRETS,
                "an application that could not be taken in whole has none",
                by=(f"{DIRECTORY}._removed",),
            ),
        ),
        django="apps.portal.configuration:django_settings",
        front=True,
    )
