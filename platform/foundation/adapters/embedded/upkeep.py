"""What has to be done from time to time on this machine, and what a vendor does by itself elsewhere."""

from foundation.adapters.embedded import files, records
from foundation.apps import Foundation
from foundation.records import Record
from foundation.settings import HOUSE, Settings


def sweep(settings: Settings) -> int:
    """Remove the records and files that have expired and the files that were never finished; their number.

    Raises Unavailable when a store does not answer.
    """
    kinds: list[type[Record]] = [
        *Foundation.records,
        *(kind for capability in HOUSE.needed for kind in capability.manifest.records),
    ]
    expired = records.adapter(settings).sweep([kind for kind in kinds if kind.kind.expires])
    folders = [folder for capability in HOUSE.needed for folder in capability.manifest.files if folder.writes]
    return expired + files.adapter(settings).sweep(folders)
