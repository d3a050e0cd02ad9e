"""Before a deployment: which of the catalogue's models of Bedrock an account may call in a region."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from apps.invocation import access
from apps.invocation.adapters.bedrock import access as bedrock_access
from apps.invocation.adapters.bedrock import lifecycles as bedrock_lifecycles
from apps.invocation.ports import Connection
from foundation.errors import UpstreamDenied

TITAN, CLAUDE = "amazon.titan-embed-text-v1", "anthropic.claude-3-haiku-20240307-v1:0"
GOOD = {
    "agreementAvailability": {"status": "AVAILABLE"},
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "regionAvailability": "AVAILABLE",
}


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The control plane, which answers as it is told to: no server that stands for AWS knows of agreements."""
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    client = session.create_client("bedrock", region_name="us-west-2")
    for module in (bedrock_access, bedrock_lifecycles):
        monkeypatch.setattr(module, "control_plane", lambda connection: client)
    with Stubber(client) as stubber:
        yield stubber


def says(bedrock: Stubber, model: str, **changed: Any) -> None:
    """Bedrock's next word on a model."""
    bedrock.add_response("get_foundation_model_availability", {"modelId": model, **GOOD, **changed}, {"modelId": model})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"regionAvailability": "NOT_AVAILABLE"}, "region"),
        ({"authorizationStatus": "NOT_AUTHORIZED"}, "credentials"),
        ({"entitlementAvailability": "NOT_AVAILABLE"}, "terms"),
        ({"agreementAvailability": {"status": "ERROR", "errorMessage": "a form is missing"}}, "a form is missing"),
    ],
)
def test_a_model_that_may_not_be_called_is_told_with_the_reason(bedrock: Stubber, changed: dict[str, Any], why: str) -> None:
    says(bedrock, TITAN)
    says(bedrock, CLAUDE, **changed)
    found = bedrock_access.access(Connection("bedrock", region="us-west-2"), [TITAN, CLAUDE])
    assert [*found] == [CLAUDE] and why in found[CLAUDE]


def test_who_may_not_ask_is_told(bedrock: Stubber) -> None:
    bedrock.add_client_error("get_foundation_model_availability", "AccessDeniedException", "no", 403)
    with pytest.raises(UpstreamDenied):
        bedrock_access.access(Connection("bedrock", region="us-west-2"), [TITAN])


def test_models_that_a_region_has_are_asked_after_and_others_are_counted(bedrock: Stubber) -> None:
    rows = [{"modelArn": f"arn:aws:bedrock:us-west-2::foundation-model/{each}", "modelId": each} for each in (CLAUDE, TITAN)]
    bedrock.add_response("list_foundation_models", {"modelSummaries": rows})
    bedrock.add_response("list_inference_profiles", {"inferenceProfileSummaries": []})
    for model in sorted((TITAN, CLAUDE)):
        says(bedrock, model, **({"authorizationStatus": "NOT_AUTHORIZED"} if model == CLAUDE else {}))
    first, *others = access.findings("us-west-2")
    assert first.good and "has 2 of the" in first.text
    assert {each.subject: each.good for each in others} == {f"model {TITAN}": True, f"model {CLAUDE}": False}
    assert [each.subject for each in others if each.remedy] == [f"model {CLAUDE}"]
