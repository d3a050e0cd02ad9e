"""The output by which a stack that holds data names itself to the stack that guards it."""

from troposphere import Ref

from deploy.cloudformation.frame import Output, logical


def own_id(stack: str) -> Output:
    """The stack's own ARN."""
    return Output(f"{logical(stack)}StackId", Ref("AWS::StackId"), "This stack, which holds data.")
