"""Counters in Redis, shared by every process of the deployment."""

import time
from collections.abc import Callable
from typing import Final

from foundation.adapters.aws.redis_scripts import Run, Script, Scripts, scripts
from foundation.settings import Settings

ADD: Final = Script("""
local key, amount, moment, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ends = tonumber(redis.call('HGET', key, 'ends') or 0)
if ends <= moment then
    redis.call('DEL', key)
    redis.call('HSET', key, 'ends', moment + window)
    redis.call('EXPIRE', key, window)
end
return redis.call('HINCRBY', key, 'amount', amount)
""")
READ: Final = Script("""
local amount, ends = unpack(redis.call('HMGET', KEYS[1], 'amount', 'ends'))
return (ends and tonumber(ends) > tonumber(ARGV[1])) and tonumber(amount) or 0
""")
FORGET: Final = Script("return redis.call('DEL', KEYS[1])")


def adapter(settings: Settings) -> "RedisCounters":
    """The counters of this deployment."""
    return RedisCounters(scripts(settings), settings.deployment)


class RedisCounters:
    """The Counters port on Redis. `clock` is wall time, as processes have to agree on it.

    A server that loses its data begins all counters at 0.
    """

    def __init__(self, server: Scripts, deployment: str, clock: Callable[[], float] = time.time) -> None:
        self.server, self.deployment, self.clock = server, deployment, clock

    def add(self, key: str, amount: int = 1, *, window: int) -> int:
        return self._run(ADD, key, amount, self.clock(), window)

    def read(self, key: str) -> int:
        return self._run(READ, key, self.clock())

    def forget(self, key: str) -> None:
        self._run(FORGET, key)

    def _run(self, script: Script, key: str, *arguments: float) -> int:
        (answer,) = self.server.run([Run(script, (f"{self.deployment}:counters:{key}",), arguments)])
        return int(answer)
