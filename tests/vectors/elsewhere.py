"""What tests call the processes that have their vectors elsewhere than this one."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

Workers = Callable[[int], ProcessPoolExecutor]
Elsewhere = Callable[..., Any]
