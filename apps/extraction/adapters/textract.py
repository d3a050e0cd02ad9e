"""Amazon Textract: a document in the bucket is read by an asynchronous job, which is asked for until it is done.

https://docs.aws.amazon.com/textract/latest/dg/async.html. No call waits for a job: what is not done is Pending.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from apps.extraction.adapters.spool import Spool
from apps.extraction.adapters.textract_reasons import BUSY, LOST, NO_TEXT, OUT_OF_PLACE, remark, trouble
from apps.extraction.adapters.textract_turns import ADMITTED, Pace, Places, Ticket
from apps.extraction.blocks.pages import page_from
from apps.extraction.names import Kind
from apps.extraction.ports import Document, Extracted, Full, Pending
from apps.extraction.results import Unreadable
from foundation.adapters import files, limits
from foundation.adapters.aws.clients import answering, client, code_of
from foundation.ambient import now, number_between
from foundation.errors import NotFound
from foundation.settings import Settings

logger = logging.getLogger(__name__)
WHAT: Final = "Textract"
FEATURES: Final = ("LAYOUT", "TABLES", "FORMS")
BLOCKS: Final = 1000  # in one answer; Textract gives no more
ANSWERS: Final = 100  # of one delivery; what more there is, another one fetches
ROUNDS: Final = 3  # jobs for one document, where the fault is not the document's
LONGEST: Final = 24 * 3600  # seconds that a job may take
PACE: Final = Pace()


class Busy(Exception):
    """Textract has no room for the call now."""


class Lost(Exception):
    """Textract does not know the job any more, or cannot begin it under its token."""


class OutOfPlace(Exception):
    """Textract does not go on where fetching stopped."""


def adapter(settings: Settings) -> "Textract":
    """Textract in the region of this deployment."""
    return Textract(client("textract", settings), settings.files_bucket, Places(limits, settings.textract_jobs))


class Textract:
    """The Engine port on boto3's client of Textract."""

    def __init__(self, client: Any, bucket: str, places: Places, pace: Pace = PACE) -> None:
        self.client, self.bucket, self.places, self.pace = client, bucket, places, pace

    def admits(self, document: str) -> bool:
        return self.places.take(document, ADMITTED)

    def leave(self, document: str) -> None:
        self.places.give(document)

    def read(self, document: Document, ticket: str | None = None) -> Extracted | Pending | Full:
        known = Ticket.read(ticket)
        return self._go_on(document, known) if known.job else self._begin(document, known)

    def _begin(self, document: Document, ticket: Ticket) -> Pending | Full:
        """Start the job, in the same token's name however often this is repeated: then Textract starts one. Where Textract
        throttles, the document keeps its place: so no more try than there are places, however many wait."""
        if not self.places.take(document.id):
            return Full()
        try:
            with heard(document.kind):
                started = self.client.start_document_analysis(
                    DocumentLocation={"S3Object": {"Bucket": self.bucket, "Name": document.path}},
                    FeatureTypes=list(FEATURES),
                    ClientRequestToken=f"{document.id}-{ticket.round}",
                )
        except Busy:
            return Pending(self.pace.turn(self.places.taken()), ticket.text if ticket.round > 1 else None)
        except Exception as refused:
            self.places.give(document.id)
            if isinstance(refused, Lost):
                return self._anew(ticket, "its token was used for another document")
            raise
        begun = Ticket(ticket.round, round(now().timestamp()), started["JobId"])
        return Pending(self.pace.look(0), begun.text)

    def _go_on(self, document: Document, ticket: Ticket) -> Extracted | Pending:
        """Ask for the job, and fetch what it found when it is done."""
        waited = since(ticket.begun)
        try:
            if ticket.token:
                return self._fetched(document, ticket, {"NextToken": ticket.token})
            answer = self._asked(document.kind, ticket.job)
            status = answer["JobStatus"]
            if status == "IN_PROGRESS" and waited <= LONGEST:
                self.places.keep(document.id)
                return Pending(self.pace.look(waited), ticket.text)
            self.places.give(document.id)
            if status in ("SUCCEEDED", "PARTIAL_SUCCESS"):
                return self._fetched(document, ticket, answer)
        except Busy:
            return Pending(self.pace.look(waited), ticket.text)
        except (OutOfPlace, NotFound) as stopped:
            return self._anew(ticket, f"fetching cannot go on ({stopped})", ticket.job)
        except Lost:
            self.places.give(document.id)
            return self._anew(ticket, "its results are not kept any more")
        message = str(answer.get("StatusMessage") or status)
        refused = trouble(message, document.kind)
        if refused is not None:
            raise refused
        return self._anew(ticket, message)

    def _anew(self, ticket: Ticket, why: str, job: str = "") -> Pending:
        """Begin once more, as another job, or with fetching what this one found; Unreadable when that was done often enough."""
        logger.warning("Textract job %s of round %d: %s", ticket.job, ticket.round, why)
        if ticket.round >= ROUNDS:
            raise Unreadable(f"Textract could not read the document {ROUNDS} times ({why}). Save it anew and upload it again.")
        return Pending(self.pace.look(0), Ticket(ticket.round + 1, ticket.begun if job else 0, job).text)

    def _fetched(self, document: Document, ticket: Ticket, answer: Any) -> Extracted | Pending:
        """What the job found from `answer` on; Pending when that is more than one delivery fetches.

        Then this part is kept. A repeat keeps the same part in the same place, and nothing before it is fetched again.
        """
        end = time.monotonic() + self.pace.fetching
        with tempfile.TemporaryFile() as file:
            spool, answers = Spool(file), int("JobStatus" in answer)
            spool.add(answer)
            while (token := answer.get("NextToken")) and answers < ANSWERS:
                answer = self._patiently(partial(self._asked, document.kind, ticket.job, token), end)
                spool.add(answer)
                answers += 1
            if token:
                files.write(part_of(document, ticket), spool.content())
                return Pending(0, replace(ticket, parts=ticket.parts + 1, token=token).text)
            return self._whole(document, ticket, spool, answer)

    def _whole(self, document: Document, ticket: Ticket, rest: Spool, last: Any) -> Extracted:
        """The pages of all parts, the rest of which is here. Of the whole document only text is held in memory."""
        with tempfile.TemporaryFile() as file:
            spool = Spool(file)
            for number in range(ticket.parts):
                with closing(files.open(part_of(document, replace(ticket, parts=number)))) as part:
                    spool.load(part)
            rest.file.seek(0)
            spool.load(rest.file)
            pages = tuple(map(page_from, spool.pages(last["DocumentMetadata"]["Pages"])))
            missing = remark(spool.warnings()) if last["JobStatus"] == "PARTIAL_SUCCESS" else None
        if not any(page.text for page in pages):
            raise Unreadable(NO_TEXT)
        return Extracted(pages, missing)

    def _patiently(self, ask: Callable[[], Any], end: float) -> Any:
        """An answer in the middle of fetching; Busy when there is no room for it until `end`."""
        while True:
            try:
                return ask()
            except Busy:
                if time.monotonic() > end:
                    raise
                time.sleep(number_between(0.5, 1.5) * self.pace.between)

    def _asked(self, kind: Kind, job: str, token: str = "") -> Any:
        further = {"NextToken": token} if token else {}
        with heard(kind, OUT_OF_PLACE if token else ()):
            return self.client.get_document_analysis(JobId=job, MaxResults=BLOCKS, **further)


def part_of(document: Document, ticket: Ticket) -> str:
    """Where the next part of what a job found is kept until all are there."""
    return f"parts/{document.path.partition('/')[2]}/{ticket.round}-{ticket.parts}"


def since(moment: float) -> float:
    """Seconds that have passed since a moment, given in seconds since 1970."""
    return max(0.0, now().timestamp() - moment)


@contextmanager
def heard(kind: Kind, out_of_place: Collection[str] = ()) -> Iterator[None]:
    """Turns what Textract refuses into Busy, Lost, OutOfPlace, what a reader or an operator can act on, or Unavailable."""
    with answering(WHAT):
        try:
            yield
        except ClientError as refused:
            code = code_of(refused)
            if code in BUSY:
                raise Busy(code) from refused
            if code in LOST:
                raise Lost(code) from refused
            if code in out_of_place:
                raise OutOfPlace(code) from refused
            known = trouble(code, kind)
            if known is None:
                raise
            raise known from refused
