"""Vectors in a collection of OpenSearch Serverless, at OPENSEARCH_URL: every request signed, and writes of another kind.

The collection of the deployment is shared by all stores: a collection for each would take minutes to make, needs the right to
write access policies at run time, and costs its own minimum of capacity where keys differ. The templates make it.

A vector collection takes no ids from outside, changes no document, and shows what is written only after a while. So a row that
is put again is a second document, and the one of the higher version holds: searches tell each row once, the older documents
are removed when they are met, and `settle` removes what two workers that put the same file have left.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from boto3.session import Session
from opensearchpy import Urllib3AWSV4SignerAuth

from apps.vectors.adapters import opensearch_documents as documents
from apps.vectors.adapters.opensearch import OpenSearchVectors, client
from apps.vectors.ports import Shelf, Source, VectorRow
from foundation.errors import Problem
from foundation.settings import Settings


def adapter(settings: Settings) -> "ServerlessVectors":
    """The vectors of the collection at OPENSEARCH_URL. Credentials are found as AWS's own tools find them."""
    credentials = Session().get_credentials()
    if credentials is None:
        raise Problem("there are no AWS credentials to sign requests to the vector store with; give the process some")
    signer = Urllib3AWSV4SignerAuth(credentials, settings.aws_region, "aoss")
    return ServerlessVectors(client(settings, signer), settings.deployment, "faiss")


def age(found: Mapping[str, Any]) -> tuple[int, str]:
    """Which of two documents of a row holds, for every process the same one: the higher."""
    return found["_source"]["version"], found["_id"]


class ServerlessVectors(OpenSearchVectors):
    """The VectorBackend port on a collection. What was written is found once the collection shows it."""

    copies = 2

    def settle(self, shelf: Shelf, source: Source) -> None:
        with self._asking(shelf, "put an index in order"):
            found = self._documents(shelf, documents.of_source(source))
            copies = (sorted(same, key=age) for _, same in groupby(found, key=lambda each: each["_source"]["id"]))
            self._bulk(self._removals(shelf, [each for same in copies for each in same[:-1]]))

    def delete_file(self, shelf: Shelf, source: Source) -> None:
        with self._asking(shelf, "remove a file"):
            self._bulk(self._removals(shelf, self._documents(shelf, documents.of_source(source))))

    def _puts(self, shelf: Shelf, rows: Sequence[VectorRow], version: int) -> Iterator[Mapping[str, Any]]:
        old = list(self._documents(shelf, documents.of_rows([each.row.id for each in rows])))
        for each in rows:
            yield {"_index": self._name(shelf), "_source": documents.document(each, version)}
        yield from self._removals(shelf, old)
