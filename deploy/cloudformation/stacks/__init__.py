"""One file for each stack of a deployment, each with `stack(platform)`; ORDER is the order in which they can be made."""

import importlib
from collections.abc import Iterable
from typing import Final

from deploy.cloudformation.frame import Stack
from deploy.cloudformation.house import Platform

ORDER: Final = (
    "keys",
    "network",
    "data",
    "balancer",
    "front",
    "identity",
    "build",
    "edge",
    "services",
    "observability",
    "backup",
    "guard",
)
ALONE: Final = ("front_waf",)  # what the root does not nest: for a region in which the rest is not


def stacks(platform: Platform) -> tuple[Stack, ...]:
    """Every stack of a deployment of this platform."""
    return _made(platform, ORDER)


def alone(platform: Platform) -> tuple[Stack, ...]:
    """Every stack that an operator deploys by itself, if at all."""
    return _made(platform, ALONE)


def _made(platform: Platform, names: Iterable[str]) -> tuple[Stack, ...]:
    return tuple(importlib.import_module(f"{__name__}.{name}").stack(platform) for name in names)
