"""One file for each stack of a deployment, each with `stack(platform)`; ORDER is the order in which they can be made."""

import importlib
from typing import Final

from deploy.cloudformation.frame import Stack
from deploy.cloudformation.house import Platform

ORDER: Final = ("keys", "network", "data", "balancer", "identity", "services")


def stacks(platform: Platform) -> tuple[Stack, ...]:
    """Every stack of a deployment of this platform."""
    return tuple(importlib.import_module(f"{__name__}.{name}").stack(platform) for name in ORDER)
