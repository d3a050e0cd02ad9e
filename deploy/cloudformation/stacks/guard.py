"""Guard: the stack policy on every stack that holds data, which a template cannot give itself."""

from typing import Final

from troposphere import GetAtt, Ref
from troposphere.cloudformation import CustomResource

from deploy.cloudformation.common import (
    COST_PROFILE,
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    group,
    taken,
)
from deploy.cloudformation.frame import Stack, logical, written
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import functions
from deploy.cloudformation.policy import stack_policy

GUARDED: Final = ("keys", "data", "identity", "build", "backup")


def stack(platform: Platform) -> Stack:
    """What refuses updates that would replace or delete data, inside the nested stacks, too."""
    ids = [taken(f"{name}.{logical(name)}StackId", f"Stack `{name}`") for name in GUARDED]
    names = [Ref(each.name) for each in ids]
    may = [{"Effect": "Allow", "Action": ["cloudformation:SetStackPolicy"], "Resource": names}]
    return Stack(
        name="guard",
        title="Generative AI Foundation: the policy of every stack that holds data.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT, COST_PROFILE),
            group("Guarded", *ids),
            group(NETWORK_GROUP, *functions.NETWORK),
            group(OPERATION_GROUP, LOG_DAYS),
            group("Data", functions.TOPIC),
            group(ENCRYPTION_GROUP, DATA_KEY, LOGS_KEY),
        ),
        conditions=functions.CONDITIONS,
        resources=(
            *functions.function("Guards", "guard", "guard.py", may),
            CustomResource(
                "Policies",
                ServiceToken=GetAtt("GuardsFunction", "Arn"),
                ServiceTimeout=functions.PATIENCE,
                Stacks=names,
                Policy=written(stack_policy()),
            ),
        ),
    )
