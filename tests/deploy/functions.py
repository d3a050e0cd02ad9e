"""Calling a function of the templates as CloudFormation does: one request, one answer."""

import runpy
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from boto3.session import Session

from deploy.cloudformation.parts.functions import FOLDER


@dataclass(frozen=True)
class Answer:
    """What CloudFormation is told."""

    status: str
    told: dict[str, Any]
    resource: str
    reason: str


class Cfnresponse(ModuleType):
    """The module of this name that Lambda adds to a function whose code stands in a template; it keeps the answer."""

    SUCCESS, FAILED = "SUCCESS", "FAILED"

    def send(self, event: Any, context: Any, status: str, told: Any, resource: str, reason: str = "") -> None:
        self.answer = Answer(status, told, resource, reason)


def called(file: str, request: str, asked: dict[str, Any], session: Session | None = None) -> Answer:
    """What a function answers to Create, Update or Delete. session: where its clients come from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", session)
        said = Cfnresponse("cfnresponse")
        patch.setitem(sys.modules, "cfnresponse", said)
        handler = runpy.run_path(str(FOLDER / file))["handler"]
        event = {"RequestType": request, "ResourceProperties": asked, "RequestId": "1", "StackId": "stack"}
        handler(event, SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000, log_stream_name="log"))
    return said.answer
