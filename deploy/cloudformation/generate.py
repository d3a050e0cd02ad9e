"""Every file of templates/, as text: the root, each nested stack, those that stand alone, the stack policy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.cloudformation.frame import written
from deploy.cloudformation.house import Platform
from deploy.cloudformation.policy import stack_policy
from deploy.cloudformation.root import root
from deploy.cloudformation.stacks import alone, stacks

FOLDER: Final = Path(__file__).parent / "templates"


def templates(platform: Platform) -> Mapping[str, str]:
    """File names and contents. The same platform gives the same bytes, on any machine."""
    nested = stacks(platform)
    return {
        **{stack.file: stack.template() for stack in (root(nested), *nested, *alone(platform))},
        "stack-policy.json": written(stack_policy()),
    }
