"""One call to a model, and the row that it leaves on the account."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from apps.invocation.catalogue import Served
from apps.invocation.invocations import Usage
from apps.usage.records import Invocation, Outcome
from foundation.ambient import new_id, now


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a model, from its start: what its account is made of."""

    application: str
    served: Served
    invocation: str = field(default_factory=new_id)
    created: datetime = field(default_factory=now)
    started: float = field(default_factory=time.monotonic)

    def account(self, status: Outcome, tokens: Usage) -> Invocation:
        """The row of the account, at the call's end."""
        return Invocation(
            self.application,
            self.invocation,
            self.created,
            model_name=self.served.asked.name,
            model_id=self.served.asked.id,
            served_by=self.served.by.name,
            model_kind=self.served.asked.kind.value,
            status=status,
            input_tokens=tokens.input_tokens,
            output_tokens=tokens.output_tokens,
            latency_ms=round((time.monotonic() - self.started) * 1000),
        )
