"""Whether everything that the platform stands on works, and what to do where it does not."""

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from typing import Final

from foundation import adapters
from foundation.ambient import new_id, now
from foundation.apps import PROBE, Session
from foundation.errors import Problem
from foundation.identity import fetch_json
from foundation.manifest import load
from foundation.settings import CHOSEN, HOUSE

ENOUGH: Final = 2**30  # bytes; below that, uploads and models do not fit any more
FOLDER: Final = f"Make {CHOSEN.home} writable for the user that runs the platform, or choose another FOUNDATION_HOME."
DEPLOYED: Final = (
    f"Check AWS_REGION ({CHOSEN.aws_region}), DEPLOYMENT ({CHOSEN.deployment}) and the credentials, and that their role may do "
    "this: docs/security.md, or `manage.py iam`."
)
DATA: Final = {
    "embedded": f"data in {CHOSEN.home}",
    "aws": f"data of {CHOSEN.deployment} in {CHOSEN.aws_region}",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `remedy` says what to do and is empty when all is good."""

    subject: str
    good: bool
    text: str
    remedy: str = ""


def records() -> str:
    """A record can be stored, read and removed."""
    name = new_id()
    adapters.records.put(Session(name, "", now() + timedelta(minutes=1)))
    if adapters.records.get(Session, name) is None or not adapters.records.delete(Session, name):
        raise OSError("a record that was stored is not found")
    return "can be written and read"


def files() -> str:
    """A file can be written, read and removed."""
    path = f"uploads/doctor/{new_id()}"
    adapters.files.write(path, b"doctor")
    content = adapters.files.read(path)
    adapters.files.delete(path)
    if content != b"doctor":
        raise OSError("a file that was written reads otherwise")
    return "can be written and read"


def queues() -> str:
    """Every queue answers, and takes a change."""
    for queue in HOUSE.known_queues:
        adapters.queues.redrive(queue.name, "no such message")
    return f"{len(HOUSE.known_queues)} can be written and read"


def counters() -> str:
    """A counter counts."""
    name = f"doctor:{new_id()}"
    counted = adapters.counters.add(name, window=60)
    adapters.counters.forget(name)
    if counted != 1:
        raise OSError(f"a new counter counted {counted}")
    return "count"


def secrets() -> str:
    """A secret can be kept and read."""
    value = new_id()
    adapters.secrets.put(PROBE, value)
    if adapters.secrets.get(PROBE) != value:
        raise OSError("a secret that was kept reads otherwise")
    return "can be written and read"


def disk() -> str:
    """There is room for files."""
    free = shutil.disk_usage(CHOSEN.home).free
    if free < ENOUGH:
        raise OSError(f"only {free / 2**20:,.0f} MB are free")
    return f"{free / 2**30:,.1f} GB are free"


def port() -> str:
    """The port is free, or the platform listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in CHOSEN.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((CHOSEN.host, CHOSEN.port))
        except OSError as taken:
            if is_ours():
                return f"the platform listens at port {CHOSEN.port}"
            raise OSError(f"port {CHOSEN.port} of {CHOSEN.host} cannot be used: {taken.strerror}") from taken
    return f"port {CHOSEN.port} is free"


def is_ours() -> bool:
    """Whether the platform answers where browsers reach it."""
    try:
        return bool(fetch_json(f"{CHOSEN.public_url}/service/health") == {"status": "UP"})
    except (OSError, HTTPException, ValueError):
        return False


def issuer() -> str:
    """The keys of tokens can be fetched, where the issuer is not part of this platform."""
    if CHOSEN.applications_domain == CHOSEN.public_url:
        return "served by this platform"
    for each in (CHOSEN.applications_issuer, CHOSEN.administrators_issuer):
        fetch_json(f"{each}/.well-known/jwks.json")
    return "its keys can be fetched"


CHECKS: Final[tuple[tuple[str, Callable[[], str], Mapping[str, str]], ...]] = (
    ("records", records, {"embedded": FOLDER, "aws": DEPLOYED}),
    ("files", files, {"embedded": FOLDER, "aws": f"Check FILES_BUCKET ({CHOSEN.files_bucket}). {DEPLOYED}"}),
    ("queues", queues, {"embedded": FOLDER, "aws": DEPLOYED}),
    (
        "counters",
        counters,
        {
            "embedded": FOLDER,
            "aws": "Check the host, the user and the password in REDIS_URL, rediss:// where the cache wants TLS, that its "
            "security group lets this machine in, and with REDIS_CACHE that the role may connect as this user.",
        },
    ),
    ("secrets", secrets, {"embedded": FOLDER, "aws": DEPLOYED}),
    (
        "disk",
        disk,
        {
            "embedded": f"Free some room in {CHOSEN.home}, or choose another FOUNDATION_HOME.",
            "aws": f"Free some room in {CHOSEN.home}, or give the task more ephemeral storage.",
        },
    ),
    ("web server", port, dict.fromkeys(DATA, "Stop what listens there, or choose another PORT.")),
    (
        "issuer",
        issuer,
        {
            "embedded": "Check APPLICATIONS_ISSUER and ADMINISTRATORS_ISSUER, and CA_FILE where it is reached over https.",
            "aws": "Check APPLICATIONS_POOL, ADMINISTRATORS_POOL and AWS_REGION, and that this machine reaches the user pools.",
        },
    ),
)


def findings() -> Iterator[Finding]:
    """What every check finds, each when it has run: the foundation's, then those of the needed capabilities."""
    served = ", ".join(capability.name.rpartition(".")[2] for capability in HOUSE.served)
    yield Finding("configuration", True, f"{CHOSEN.platform}, serves {served or 'nothing'}, {DATA[CHOSEN.platform]}")
    for subject, check, remedies in CHECKS:
        try:
            yield Finding(subject, True, check())
        except (Problem, OSError, HTTPException, ValueError) as wrong:
            yield Finding(subject, False, str(wrong), remedies[CHOSEN.platform])
    for capability in HOUSE.needed:
        if capability.manifest.checks:
            yield from load(capability.manifest.checks)()
