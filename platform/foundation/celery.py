"""Messages come in here: the Celery application, and the decorator that makes a function answer a message."""

import logging
import os
from collections.abc import Callable
from typing import Any, Final

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.settings")

from foundation.settings import HOUSE

logger = logging.getLogger(__name__)
Work = Callable[..., None]

app: Final = Celery("foundation")
app.config_from_object("foundation.messaging")
app.autodiscover_tasks([capability.name for capability in HOUSE.needed])


def task(name: str, *, queue: str, abandoned: Work) -> Callable[[Work], Work]:
    """Have messages called `name` in `queue` call the decorated function with the ids that they carry.

    The message is done when the function returns. It is delivered again when the function raises a retryable error or its
    worker dies. After the queue's number of attempts, or at once for any other error, `abandoned(reason=..., **ids)` is
    called and the message is a dead letter. Both functions must bear being repeated.
    """

    def registered(work: Work) -> Work:
        def handle(self: Task[Any, Any], **ids: str) -> None:
            deliver(self, work, abandoned, queue, ids)

        app.task(name=name, bind=True)(handle)
        return work

    return registered
