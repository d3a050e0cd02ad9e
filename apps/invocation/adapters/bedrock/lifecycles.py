"""Which models Bedrock has in a region, and how long it will have them: from its control plane, never from a list of ours."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from botocore.tokens import FrozenAuthToken

from apps.invocation.adapters.bedrock.errors import meant
from apps.invocation.ports import Connection, Lifecycle
from foundation.adapters import secrets
from foundation.ambient import now
from foundation.errors import Problem, Unavailable, UpstreamDenied
from foundation.settings import CHOSEN

LARGEST_PAGE: Final = 1000
ON_DEMAND: Final = "ON_DEMAND"


def lifecycles(connection: Connection) -> Mapping[str, Lifecycle]:
    """Every foundation model and inference profile of the connection's region by its id. It takes seconds: not for requests.

    A model that Bedrock has ended and forgotten is not there. Problems as a Provider has them. The control plane has another
    address than the runtime; where it is not the region's own, AWS_ENDPOINT_URL_BEDROCK has it, which botocore reads.
    """
    try:
        client = control_plane(connection)
        models = dict(foundation_models(client.list_foundation_models().get("modelSummaries", ())))
        pages = client.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": LARGEST_PAGE})
        return models | dict(profiles((row for page in pages for row in page.get("inferenceProfileSummaries", ())), models))
    except ClientError as refused:
        raise problem(refused) from refused
    except BotoCoreError as failed:
        raise Unavailable(f"Bedrock's control plane cannot be reached: {failed}", retry_after=5) from failed


def control_plane(connection: Connection) -> Any:
    """A client of the control plane, with the connection's key where it has one."""
    session = Session()
    token = (secrets.get(connection.key) if connection.key else CHOSEN.bedrock_key) or ""
    if connection.key and not token:
        raise UpstreamDenied(f"the secret {connection.key} is not set; it must hold a Bedrock API key")
    if token:
        session.register_component("token_provider", Bearer(token))
    return session.create_client(
        "bedrock",
        region_name=connection.region or CHOSEN.bedrock_region,
        config=Config(signature_version="bearer") if token else None,
    )


class Bearer:
    """botocore's token provider with one token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def load_token(self, **_: Any) -> FrozenAuthToken:
        """The token."""
        return FrozenAuthToken(self.token)


def foundation_models(rows: Iterator[Mapping[str, Any]]) -> Iterator[tuple[str, Lifecycle]]:
    """The models, each with its id."""
    for row in rows:
        life = row.get("modelLifecycle", {})
        ends = life.get("endOfLifeTime")
        state = "retired" if ends is not None and ends <= now() else str(life.get("status", "ACTIVE")).lower()
        yield (
            row["modelId"],
            Lifecycle(
                row.get("modelName") or row["modelId"],
                state,
                tuple(modality.lower() for modality in row.get("inputModalities", ())),
                tuple(modality.lower() for modality in row.get("outputModalities", ())),
                ends.date().isoformat() if ends is not None else "",
                direct=ON_DEMAND in row.get("inferenceTypesSupported", (ON_DEMAND,)),
            ),
        )


def profiles(rows: Iterator[Mapping[str, Any]], models: Mapping[str, Lifecycle]) -> Iterator[tuple[str, Lifecycle]]:
    """The inference profiles, each with its id, as the first of their models that is known here is."""
    for row in rows:
        behind = [models.get(each["modelArn"].rpartition("/")[2]) for each in row.get("models", ())]
        known = next((model for model in behind if model is not None), None)
        name = row.get("inferenceProfileName") or row["inferenceProfileId"]
        if known is None:
            yield row["inferenceProfileId"], Lifecycle(name, "active")
        else:
            yield row["inferenceProfileId"], Lifecycle(name, known.state, known.inputs, known.outputs, known.ends)


def problem(refused: ClientError) -> Problem:
    """What an error of the control plane means."""
    error = refused.response.get("Error", {})
    found = meant(error.get("Code", ""), error.get("Message", ""))
    if isinstance(found, UpstreamDenied):
        needed = "bedrock:ListFoundationModels and bedrock:ListInferenceProfiles"
        return UpstreamDenied(f"AWS does not let this platform list models: {error.get('Message', '')} It needs {needed}.")
    return found
