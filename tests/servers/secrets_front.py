"""What Secrets Manager refuses and moto lets pass: wrong names and lengths, and a name that two make at the same time."""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.servers.aws_models import Refused, body, checked, model

TARGET = "secretsmanager."
MODEL = model("secretsmanager")
NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")  # as docs.aws.amazon.com has it; the model has only the length


@dataclass
class SecretsFront:
    """A WSGI application before moto's, which lets one request for Secrets Manager in at a time."""

    behind: Any
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        action = environ.get("HTTP_X_AMZ_TARGET", "")
        if not action.startswith(TARGET):
            passed: Iterable[bytes] = self.behind(environ, start)
            return passed
        try:
            asked = checked(MODEL, action.removeprefix(TARGET), body(environ))
            if not NAME.fullmatch(
                asked.get("Name", asked.get("SecretId", "x").rpartition(":secret:")[2])
            ):  # an id may be an ARN
                raise Refused("ValidationException", "Invalid name.")
        except Refused as refused:
            return refused.answered(start)
        with self.lock:
            return list(self.behind(environ, start))
