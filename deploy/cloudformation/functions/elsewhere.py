"""Makes a stack in another region, as a custom resource: the resource's attributes are that stack's outputs."""

import boto3
import cfnresponse
from botocore.exceptions import ClientError

MOST = 500  # letters of a reason, as an answer may not be long
WAIT = {"Delay": 5, "MaxAttempts": 150}  # less than the function's own time, so that a failure can still be told


def handler(event, context):
    """One request of CloudFormation. A repeat finds the stack there, and only waits for it."""
    asked = event["ResourceProperties"]
    name = asked["StackName"]
    try:
        there = boto3.client("cloudformation", region_name=asked["Region"])
        told = VERBS[event["RequestType"]](there, name, asked)
        cfnresponse.send(event, context, cfnresponse.SUCCESS, told, name)
    except Exception as wrong:
        print(f"{name}: {wrong}")
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, name, reason=f"{name} in {asked['Region']}: {wrong}"[:MOST])


def create(there, name, asked):
    """The outputs of the stack, which is made, or updated where a try before left it."""
    if exists(there, name):
        return update(there, name, asked)
    there.create_stack(StackName=name, OnFailure="DELETE", **content(asked))
    there.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAIT)
    return outputs(there, name)


def update(there, name, asked):
    """The outputs of the stack after it is as asked."""
    try:
        there.update_stack(StackName=name, **content(asked))
        there.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=WAIT)
    except ClientError as wrong:
        if "No updates" not in str(wrong):
            raise
    return outputs(there, name)


def delete(there, name, asked):
    """Nothing; the stack is gone, also where it never was."""
    there.delete_stack(StackName=name)
    there.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=WAIT)
    return {}


def content(asked):
    """What the stack is made of."""
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(asked["Parameters"].items())]
    return {"TemplateBody": asked["Template"], "Parameters": given}


def exists(there, name):
    """Whether there is such a stack."""
    try:
        return bool(there.describe_stacks(StackName=name)["Stacks"])
    except ClientError as wrong:
        if "does not exist" not in str(wrong):
            raise
        return False


def outputs(there, name):
    """What the stack tells."""
    (stack,) = there.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


VERBS = {"Create": create, "Update": update, "Delete": delete}
