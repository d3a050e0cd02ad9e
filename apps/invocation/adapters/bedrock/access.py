"""Which models an account may call: what Bedrock's control plane says of its agreements and of its rights."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from apps.invocation.adapters.bedrock.lifecycles import control_plane, problem
from apps.invocation.ports import Connection
from foundation.errors import Unavailable


def access(connection: Connection, ids: Iterable[str]) -> Mapping[str, str]:
    """Of those models that may not be called, why, by id; one call of the control plane for each id. Problems as a Provider."""
    try:
        client = control_plane(connection)
        said = {each: barred(client.get_foundation_model_availability(modelId=each)) for each in ids}
    except ClientError as refused:
        raise problem(refused) from refused
    except BotoCoreError as failed:
        raise Unavailable(f"Bedrock's control plane cannot be reached: {failed}", retry_after=5) from failed
    return {each: why for each, why in said.items() if why}


def barred(told: Mapping[str, Any]) -> str:
    """Why a model may not be called; nothing where it may."""
    if told["regionAvailability"] != "AVAILABLE":
        return "the region does not have it"
    if told["authorizationStatus"] != "AUTHORIZED":
        return "these credentials may not call it"
    agreement = told["agreementAvailability"]
    if agreement["status"] != "AVAILABLE" or told["entitlementAvailability"] != "AVAILABLE":
        return f"the account has not agreed to its terms: {agreement.get('errorMessage', agreement['status'])}"
    return ""
