"""Scripts run on the Redis of REDIS_URL: several in one round trip, each as a whole, with a quick end when it does not answer.

ElastiCache Serverless shows all its slots as one node, so this is a plain client; the keys of one script share a hash tag.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, NoScriptError, RedisError
from redis.retry import Retry

from foundation.adapters.aws.redis_login import SignedConnection, SignedLogin
from foundation.errors import Denied, Unavailable
from foundation.settings import Settings

CONNECT_SECONDS: Final = 1.0
READ_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 30  # after which a connection is asked whether it still works before it is used
REST_SECONDS: Final = 0.5  # for which a server that did not answer is not asked again
REFUSED: Final = (AuthenticationError, AuthorizationError, NoPermissionError)


@dataclass(frozen=True)
class Script:
    """A Lua script. Every key that it touches is among its KEYS."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a script on keys of one hash slot."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[bytes | str | int | float, ...]


def scripts(settings: Settings) -> "Scripts":
    """The process's connections to the server of its settings, made with the first run; safe to share between threads."""
    return shared(settings.redis_url, settings.redis_cache, settings.aws_region)


@cache
def shared(url: str, signed_for: str = "", region: str = "") -> "Scripts":
    """The same for the same server: counters and limits share connections."""
    return Scripts(url, signed_for, region)


class Scripts:
    """Runs scripts. Nothing is sent twice: a run whose answer is lost may or may not have happened.

    signed_for: the serverless cache of a region that connections sign in to with the process's role, as the user of the URL.

    Unavailable within CONNECT_SECONDS and READ_SECONDS when the server does not answer, and at once for REST_SECONDS after
    that, so that those who wait in line are told. The first run after the rest connects anew.
    """

    def __init__(self, url: str, signed_for: str = "", region: str = "") -> None:
        place: dict[str, Any] = {**parse_url(url)}  # type: ignore[no-untyped-call]  # redis-py's own is not typed
        if signed_for:
            login = SignedLogin(place.pop("username"), signed_for, region)
            place |= {"connection_class": SignedConnection, "credential_provider": login}
        pool = ConnectionPool(
            **place,
            protocol=2,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=READ_SECONDS,
            socket_keepalive=True,
            health_check_interval=IDLE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self.redis, self.rests_until = Redis(connection_pool=pool), 0.0

    def run(self, runs: Sequence[Run]) -> list[Any]:
        """The answer of each, in one round trip; one more when the server has lost the scripts.

        Raises for all of them when one of them fails; the others may have happened.
        """
        if time.monotonic() < self.rests_until:
            raise Unavailable("Redis does not answer", retry_after=1)
        try:
            answers = self._sent("EVALSHA", runs)
            unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            again = self._sent("EVAL", [runs[place] for place in unknown]) if unknown else ()
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
            failed = next((answer for answer in answers if isinstance(answer, RedisError)), None)
            if failed is not None:
                raise failed
        except REFUSED as refused:
            raise Denied(f"Redis refuses the platform: {refused}") from refused
        except (RedisError, OSError) as refused:
            self.rests_until = time.monotonic() + REST_SECONDS
            raise Unavailable(f"Redis does not answer: {type(refused).__name__}", retry_after=1) from refused
        return answers

    def _sent(self, command: str, runs: Sequence[Run]) -> list[Any]:
        with self.redis.pipeline(transaction=False) as pipeline:
            for run in runs:
                script = run.script.sha if command == "EVALSHA" else run.script.text
                pipeline.execute_command(  # type: ignore[no-untyped-call]  # redis-py's own pipelines are not typed
                    command, script, len(run.keys), *run.keys, *run.arguments
                )
            return list(pipeline.execute(raise_on_error=False))
