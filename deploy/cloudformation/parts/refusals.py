"""What API Gateway itself says: in the words and with the codes of the platform, so that clients need to know but one kind."""

from collections.abc import Iterator, Mapping
from typing import Final

from troposphere import Ref
from troposphere.apigateway import GatewayResponse

from deploy.cloudformation.frame import logical, written
from foundation.errors import NotFound, Problem, TooLarge, TooMany, Unavailable, UpstreamTimeout

REFUSALS: Final[Mapping[str, Problem]] = {  # a bad token is refused in the contract's words, API Gateway's own
    "INTEGRATION_FAILURE": Unavailable("The platform cannot be reached right now."),
    "INTEGRATION_TIMEOUT": UpstreamTimeout("The platform did not answer in time."),
    "MISSING_AUTHENTICATION_TOKEN": NotFound("There is nothing at this path."),
    "REQUEST_TOO_LARGE": TooLarge("A request through API Gateway may have at most 10 MB."),
    "THROTTLED": TooMany("More requests come than all applications together may send; try again in a second."),
}
TELLS: Final[Mapping[str, Mapping[str, str]]] = {
    kind: {"gatewayresponse.header.Retry-After": "'1'"} for kind in ("INTEGRATION_FAILURE", "THROTTLED")
}


def refusals() -> Iterator[GatewayResponse]:
    """A response of API Gateway for each."""
    for kind, problem in REFUSALS.items():
        yield GatewayResponse(
            logical("says", *kind.lower().split("_")),
            RestApiId=Ref("Api"),
            ResponseType=kind,
            StatusCode=str(problem.status),
            ResponseParameters=TELLS.get(kind, {}),
            ResponseTemplates={"application/json": written(dict(problem.body())).strip()},
        )
