"""A pytest plugin (`-p tests.servers.in_dynamo`): the process of the tests has its records in DynamoDB.

Its variables name which. What else it keeps stays on this machine.
"""

import sys

import tests.conftest  # noqa: F401 (sets Django up)
from foundation import adapters
from foundation.adapters.aws import records
from foundation.settings import CHOSEN

embedded, adapters.records = adapters.records, records.adapter(CHOSEN)
for module in [*sys.modules.values()]:
    if getattr(module, "records", None) is embedded:
        module.records = adapters.records
