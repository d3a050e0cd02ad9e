"""What each process of a deployment asks of AWS: doors before the servers that stand for it, which note who needs what.

A process is known by its access key. The servers behind the doors know one key alone, so a door puts that in the place of the
process's own, which no signature in a header covers; in a signed URL it is covered, and S3's server knows all keys.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.servers.aws_calls import Need, arn, needs, signer
from tests.servers.doors import Doors, Passed
from tests.servers.moto import KEY, SECRET

UNSIGNED: Final = ("/oauth2/token", "/.well-known/jwks.json", "/logout", "/oauth2/authorize", "/oauth2/userInfo")


def key_of(process: str) -> str:
    """The access key of a process: letters and digits alone, as DynamoDB asks."""
    return f"AKID{process.replace('-', '').upper()}"


@dataclass
class Recording:
    """Needs by process, and what could not be understood. `processes` are all that have a key."""

    processes: tuple[str, ...]
    found: dict[str, set[Need]] = field(default_factory=lambda: defaultdict(set))
    faults: set[str] = field(default_factory=set)

    @property
    def keys(self) -> Mapping[str, str]:
        """Processes by their keys."""
        return {key_of(process): process for process in self.processes}

    def credentials(self, process: str) -> dict[str, str]:
        """AWS's own variables with which a process signs."""
        return {"AWS_ACCESS_KEY_ID": key_of(process), "AWS_SECRET_ACCESS_KEY": SECRET}

    def before(self, doors: Doors, behind: str) -> str:
        """The URL of a door before a server."""
        return doors.open(lambda method, path: behind, self.see, exchange)

    def signs_in(self, key: str, cache: str, user: str) -> None:
        """Note who signs in to the cache."""
        places = (arn("elasticache", f"serverlesscache:{cache}"), arn("elasticache", f"user:{user}"))
        self.found[self.keys[key]].update(Need("elasticache:Connect", place) for place in places)

    def see(self, passed: Passed) -> None:
        """Note what a request needs."""
        signed = signer(passed)
        if signed is None:
            if not passed.path.partition("?")[0].endswith(UNSIGNED):
                self.faults.add(f"not signed: {passed.method} {passed.path}")
            return
        process = self.keys.get(signed.key)
        if process is None:
            self.faults.add(f"signed by {signed.key}: {passed.method} {passed.path}")
            return
        try:
            self.found[process].update(needs(signed.service, passed))
        except (KeyError, ValueError) as unknown:
            self.faults.add(f"{process} asks {signed.service}: {passed.method} {passed.path}: {unknown!r}")


def exchange(headers: dict[str, Any]) -> None:
    """Put the servers' own key in the place of a process's."""
    said = headers.get("authorization", "")
    before, word, after = said.partition("Credential=")
    if word and said.startswith("AWS4-"):
        headers["authorization"] = f"{before}{word}{KEY}/{after.partition('/')[2]}"
