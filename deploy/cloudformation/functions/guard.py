"""Puts one stack policy on several stacks, as a custom resource. A policy stays when the resource goes, as data does."""

import boto3
import cfnresponse

MOST = 500  # letters of a reason, as an answer may not be long


def handler(event, context):
    """One request of CloudFormation; a repeat changes nothing."""
    asked = event["ResourceProperties"]
    try:
        stacks = boto3.client("cloudformation")
        for name in asked["Stacks"] if event["RequestType"] != "Delete" else ():
            stacks.set_stack_policy(StackName=name, StackPolicyBody=asked["Policy"])
        cfnresponse.send(event, context, cfnresponse.SUCCESS, {}, "policies")
    except Exception as wrong:
        print(wrong)
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, "policies", reason=str(wrong)[:MOST])
