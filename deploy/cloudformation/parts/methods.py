"""Resources and methods of the REST API: one resource for each part of a path, one method for each operation."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.apigateway import Deployment, GatewayResponse, Integration, Method, RequestValidator, Resource

from deploy.cloudformation.common import accepted
from deploy.cloudformation.frame import logical
from deploy.cloudformation.parts.operations import Operation
from foundation.identity import SCOPE

AUTHORIZER: Final = "Authorizer"
VALIDATOR: Final = "Validator"  # a request without what its path needs goes no further; bodies are the services' to read
WHOLE_MILLISECONDS: Final = 29_000  # what API Gateway waits for an answer that is passed on whole
SLOW_MILLISECONDS: Final = 900_000  # and for one that is passed on as it comes


def methods(operations: Sequence[Operation]) -> tuple[AWSObject, ...]:
    """Everything below the API's root."""
    whole = RequestValidator(
        VALIDATOR, Name="whole", RestApiId=Ref("Api"), ValidateRequestBody=True, ValidateRequestParameters=True
    )
    made = [whole, *_resources({operation.path for operation in operations}), *map(_method, operations)]
    if len({each.title for each in made}) < len(made):
        raise ValueError("two paths of the OpenAPI document have one logical id")
    return tuple(made)


def snapshots(served: Sequence[AWSObject]) -> Mapping[str, Deployment]:
    """The snapshot of all of it that a stage serves, for each way in which the load balancer is spoken to.

    API Gateway never changes a snapshot: so its logical id follows from all that is in it. A change of the way changes every
    method, and so it has another snapshot.
    """
    content = json.dumps([{each.title: each.to_dict()} for each in served], sort_keys=True)
    name = hashlib.sha256(content.encode()).hexdigest()[:12].upper()
    return {
        scheme: Deployment(
            f"Snapshot{scheme.capitalize()}{name}",
            RestApiId=Ref("Api"),
            Description=f"Every operation of the OpenAPI document, over {scheme}",
            DependsOn=[each.title for each in served if isinstance(each, Method | GatewayResponse)],
            Condition=condition,
        )
        for scheme, condition in (("http", "Plain"), ("https", "Tls"))
    }


def _resources(paths: Iterable[str]) -> Iterator[Resource]:
    places = sorted({tuple(path.strip("/").split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)})
    for place in places:
        yield Resource(
            logical("path", *place),
            RestApiId=Ref("Api"),
            ParentId=Ref(logical("path", *place[:-1])) if place[1:] else GetAtt("Api", "RootResourceId"),
            PathPart=place[-1],
        )


def _method(operation: Operation) -> Method:
    parts = operation.path.strip("/").split("/")
    names = [part.strip("{}") for part in parts if part.startswith("{")]
    asks = {"AuthorizationType": "COGNITO_USER_POOLS", "AuthorizerId": Ref(AUTHORIZER), "AuthorizationScopes": [SCOPE]}
    open_to_all: dict[str, Any] = {
        "AuthorizationType": "NONE",
        "Metadata": accepted("CKV_AWS_59", "Health and meta are for all; all else takes API keys, which the service verifies"),
    }
    return Method(
        logical(operation.method.lower(), *parts),
        RestApiId=Ref("Api"),
        ResourceId=Ref(logical("path", *parts)),
        HttpMethod=operation.method,
        RequestValidatorId=Ref(VALIDATOR),
        RequestParameters={f"method.request.path.{name}": True for name in names},
        Integration=Integration(
            Type="HTTP_PROXY",
            IntegrationHttpMethod=operation.method,
            Uri=Sub(f"${{BalancerScheme}}://${{BalancerHost}}{operation.path}"),
            ConnectionType="VPC_LINK",
            ConnectionId=Ref("Link"),
            IntegrationTarget=Ref("BalancerArn"),
            RequestParameters={f"integration.request.path.{name}": f"method.request.path.{name}" for name in names},
            ResponseTransferMode="STREAM" if operation.slow else "BUFFERED",
            TimeoutInMillis=SLOW_MILLISECONDS if operation.slow else WHOLE_MILLISECONDS,
        ),
        **(asks if operation.token else open_to_all),
    )
