"""What the templates are derived from: the capabilities that exist on AWS, and what each of their processes needs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from foundation.apps import Foundation
from foundation.manifest import Capability, Folder, House, Queue, capabilities, furnish, short
from foundation.records import Record


@dataclass(frozen=True, slots=True)
class Process:
    """One kind of container: a web service of one capability, the worker of one queue, or the operators' commands.

    capability: None for the operators', who may do all that any capability may. queue: what a worker works on.
    """

    name: str
    capability: type[Capability] | None
    queue: Queue | None = None

    def works_on(self, queue: str) -> bool:
        """Whether it is the worker of this queue."""
        return self.queue is not None and self.queue.name == queue


@dataclass(frozen=True)
class Platform:
    """Every capability of a deployment, and what follows from their manifests."""

    capabilities: tuple[type[Capability], ...]

    def needed(self, process: Process) -> tuple[type[Capability], ...]:
        """The capabilities that its code calls in process, itself among them."""
        served = self.capabilities if process.capability is None else (process.capability,)
        return House(self.capabilities, served).needed

    @cached_property
    def services(self) -> tuple[Process, ...]:
        """A web service for each capability that has paths."""
        return tuple(Process(short(each), each) for each in self.capabilities if each.manifest.prefixes)

    @cached_property
    def workers(self) -> tuple[Process, ...]:
        """A worker for each queue."""
        return tuple(
            Process(f"{queue.name}-worker", each, queue) for each in self.capabilities for queue in each.manifest.queues
        )

    @property
    def operations(self) -> Process:
        """The commands of operators (`manage.py jobs redrive` …), run as single tasks."""
        return Process("operations", None)

    @property
    def processes(self) -> tuple[Process, ...]:
        """All kinds of containers, in an order that does not change."""
        return (*self.services, *self.workers, self.operations)

    @cached_property
    def records(self) -> tuple[type[Record], ...]:
        """Every record that is stored."""
        return self.records_of(self.capabilities)

    def records_of(self, some: Iterable[type[Capability]]) -> tuple[type[Record], ...]:
        """The records of some capabilities, and the foundation's own."""
        return (*Foundation.records, *(record for each in some for record in each.manifest.records))

    @cached_property
    def queues(self) -> tuple[Queue, ...]:
        """Every queue."""
        return tuple(queue for each in self.capabilities for queue in each.manifest.queues)

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        """Every folder of files once: written when anybody writes it, with the days that its declarations name."""
        return merged((*Foundation.files, *(folder for each in self.capabilities for folder in each.manifest.files)))


def merged(folders: Iterable[Folder]) -> tuple[Folder, ...]:
    """Each name once, in alphabetical order, with the most that any of its declarations says."""
    return tuple(_merged(sorted(folders, key=lambda folder: folder.name)))


def _merged(folders: Iterable[Folder]) -> Iterator[Folder]:
    known: dict[str, Folder] = {}
    for folder in folders:
        before = known.get(folder.name, folder)
        known[folder.name] = Folder(folder.name, folder.writes or before.writes, folder.days or before.days)
    yield from known.values()


def platform() -> Platform:
    """The platform as its code declares it."""
    return Platform(furnish(capabilities("apps"), ["all"], "aws").capabilities)
