"""What one document, and one call of a model, ask of each step: measured units, the code's own numbers, and assumptions."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apps.extraction.adapters.textract import PACE
from apps.usage.records import Invocation
from deploy.cloudformation.parts.firewall import RATE
from deploy.cloudformation.parts.scaling import MOST, REQUESTS
from deploy.cloudformation.stacks.edge import STEADY
from foundation.settings import CHOSEN
from tests.scale.measuring import Cost
from tests.scale.page import present

QUOTAS: Final = Path(__file__).with_name("quotas.json")
MORE: Final = "more or larger containers (`MostContainers`, `SIZES` of the templates)"
ROUTES: Final = "AWS, on request; several models, regions or providers behind one route"
SPREAD_CALLS: Final = "several applications, or a higher `spread` of Invocation before the first deployment"
FILES: Final = 3  # of each job that was measured


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody measured. A slot is one message that a worker works on; seconds of slots are those in which it is taken."""

    pages: int = 10
    chunks: int = 30
    fetches: int = 2  # more answers of 1,000 blocks: 300 blocks a page
    textract_seconds: float = 20.0
    try_seconds: float = 0.1  # of a slot, for a document that finds no place at Textract
    extract_seconds: float = 1.4
    chunk_seconds: float = 0.5
    index_seconds: float = 1.2
    polls: int = 2
    vectors_an_ocu: int = 100  # that it takes in a second
    bytes_a_vector: int = 4_646  # 1,024 numbers and 16 neighbours: 1.1 · (4 · 1,024 + 8 · 16)
    ocu_bytes: int = 3 * 2**30  # of its 6 GiB, what is left for vectors
    transaction_seconds: float = 0.02  # two on one record never run at once
    call_tokens: int = 3_000  # 1,500 in; 300 out, each counted five times
    client_processes: int = 1_000  # of applications, each with a token that it keeps for an hour
    script_units: int = 5  # ECPUs of one script in the cache
    jobs_at_once: int = 1

    @property
    def looks(self) -> int:
        """How often Textract is asked whether it is done, by the pace that the code has, without its dice."""
        waited, times = 0.0, 0
        while waited < self.textract_seconds:
            waited += min(max(PACE.first, waited / 2), PACE.longest_look)
            times += 1
        return times


ASSUMED: Final = Assumed()


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one step. need: of what is limited, what one document or call takes; value: how much there is a second.

    stage: in which stage of the day it holds back. workers: whether it grows with the containers of the stage.
    """

    key: str
    step: str
    stage: str
    need: float
    value: float
    unit: str
    lift: str
    workers: bool = False

    @property
    def carries(self) -> float:
        """Documents or calls a second."""
        return self.value / self.need


def quotas() -> Mapping[str, Mapping[str, Any]]:
    """Each quota of AWS by its key."""
    return {each["key"]: each for each in json.loads(QUOTAS.read_text())}


def measured() -> Mapping[str, Cost]:
    """The rows of the measured tables of docs/scale.md, endpoints and messages alike."""
    found: dict[str, Cost] = {}
    for line in present().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 5 and cells[1].isdigit():
            found[cells[0]] = Cost(int(cells[1]), int(cells[2]), float(cells[3]), float(cells[4]))
    return found


def file_writes() -> float:
    """Write units of one document in extraction_files: a third of what is put together with its job and the job's index, and
    Textract's ticket; a third too of its end, which is counted in its job."""
    known = measured()
    return known["POST /document/extraction/register_file"].writes / 3 + 1 + known["extract_document"].writes / 3


def job_writes() -> float:
    """Write units of one document in extraction_jobs, without its index."""
    known = measured()
    return (known["POST /document/extraction/register_file"].writes + known["extract_document"].writes) / 3


def file_reads(assumed: Assumed = ASSUMED) -> float:
    """Read units of one document in extraction_files: half of each message's, which reads its job and its file."""
    known = measured()
    messages = 1 + assumed.looks
    return (
        known["extract_document"].reads / 2 * messages
        + assumed.polls * known["POST /document/extraction/file_status"].reads / 2
    )


def document_limits(profile: str = "Production", assumed: Assumed = ASSUMED) -> tuple[Limit, ...]:
    """Every limit that a document meets on its way, in the order of its way."""
    return (*_arriving(profile, assumed), *_read(profile, assumed), *_stored(assumed), *_indexed(profile, assumed))


def slots(profile: str) -> int:
    """Messages of one queue that its workers work on at once, with all containers."""
    return MOST[profile] * CHOSEN.worker_concurrency


def _arriving(profile: str, assumed: Assumed) -> Iterator[Limit]:
    known, once = quotas(), 1 / assumed.transaction_seconds
    lift = "more jobs at once: a job counts what is registered in one record"
    yield Limit("job", "DynamoDB: files registered in one job", "arrive", 1, once * assumed.jobs_at_once, "changes", lift)
    requests = 1 + 6 / FILES + assumed.polls
    one = "requests of one address"
    yield Limit("address", one, "arrive", requests, RATE.default / 300, "requests", "the parameter RequestsPerAddress")
    steady = "requests of all applications"
    yield Limit(
        "steady", steady, "arrive", requests, STEADY.default, "requests", "the parameter ApiRequestsPerSecond, to 10,000"
    )
    services = MOST[profile] * REQUESTS / 60
    yield Limit("services", "containers of the service document", "arrive", requests, services, "requests", MORE)
    yield Limit("api_gateway", "API Gateway", "arrive", requests, known["api_gateway"]["value"], "requests", "the quota")


def _read(profile: str, assumed: Assumed) -> Iterator[Limit]:
    known = quotas()
    gets = assumed.looks + assumed.fetches
    seconds = assumed.textract_seconds
    yield Limit("textract_starts", "Textract: starts", "extract", 1, known["textract_starts"]["value"], "starts", "the quota")
    lift = "the quota; Textract's notifications in place of looks would save half of it, which is not built"
    yield Limit(
        "textract_gets", "Textract: looks and fetches", "extract", gets, known["textract_gets"]["value"], "answers", lift
    )
    jobs = "the parameter TextractJobs, to the account's quota"
    yield Limit("textract_jobs", "Textract: documents at once, ours", "extract", seconds, CHOSEN.textract_jobs, "at once", jobs)
    account = known["textract_account_jobs"]["value"]
    yield Limit("textract_account_jobs", "Textract: documents at once", "extract", seconds, account, "at once", "the quota")
    lift = "a higher `MostContainers`, WORKER_CONCURRENCY by `FurtherSettings`"
    need, most_slots = assumed.extract_seconds, slots(profile)
    yield Limit("extract_workers", "workers of extraction", "extract", need, most_slots, "slots", lift, workers=True)
    yield Limit("in_flight", "SQS: in flight", "extract", need, known["in_flight"]["value"], "messages", "the quota")
    need = (assumed.looks + 2) * assumed.script_units
    lift = "it is one slot for all applications: a counter for each part of the places"
    yield Limit("places", "cache: the slot of Textract's places", "extract", need, known["slot"]["value"], "ECPUs", lift)


def _stored(assumed: Assumed) -> Iterator[Limit]:
    known = quotas()
    writes = known["partition_writes"]["value"]
    lift = "DynamoDB splits what is hot by job and file; else several applications, or `spread` on ExtractedFile"
    yield Limit("file_writes", "DynamoDB: files of one application, writes", "extract", file_writes(), writes, "units", lift)
    reads = known["partition_reads"]["value"]
    yield Limit("file_reads", "DynamoDB: files of one application, reads", "extract", file_reads(assumed), reads, "units", lift)
    lift = (
        "several applications, or `spread` on ExtractionJob: its index by_created is ordered by time, and splits help it little"
    )
    yield Limit("job_writes", "DynamoDB: jobs of one application, writes", "extract", job_writes(), writes, "units", lift)
    lift = "it grows by itself; warm throughput beforehand"
    yield Limit("table", "DynamoDB: a new table", "extract", file_writes(), known["table_writes"]["value"], "units", lift)


def _indexed(profile: str, assumed: Assumed) -> Iterator[Limit]:
    known = quotas()
    lift = "a higher `MostContainers`, WORKER_CONCURRENCY by `FurtherSettings`"
    held = slots(profile)
    yield Limit("chunk_workers", "workers of chunking", "chunk", assumed.chunk_seconds, held, "slots", lift, workers=True)
    yield Limit("index_workers", "workers of vectors", "index", assumed.index_seconds, held, "slots", lift, workers=True)
    texts = known["embeddings"]["value"] / 60
    lift = "AWS, on request; a model that takes many texts in one request (Cohere: 96) needs a request or so for a document"
    yield Limit("embeddings", "Bedrock: embeddings", "index", assumed.chunks, texts, "requests", lift)
    ocus = known["ocus"]["value"] * assumed.vectors_an_ocu
    yield Limit(
        "ocus",
        "OpenSearch: vectors put",
        "index",
        assumed.chunks,
        ocus,
        "vectors",
        "the account's maximum of OCUs, and that of the collection's group in `data.json`",
    )


def call_limits(profile: str = "Production", assumed: Assumed = ASSUMED) -> tuple[Limit, ...]:
    """Every limit that a call of a model meets, in the order of its way."""
    known = quotas()
    units = account() / 2  # the row of a call without its index by_created
    partitions = Invocation.kind.spread * known["partition_writes"]["value"]
    rows: tuple[tuple[str, str, float, float, str, str], ...] = (
        ("address", "requests of one address", 1, RATE.default / 300, "requests", "the parameter RequestsPerAddress"),
        (
            "steady",
            "requests of all applications",
            1,
            STEADY.default,
            "requests",
            "the parameter ApiRequestsPerSecond, to 10,000",
        ),
        ("services", "containers of the service model", 1, MOST[profile] * REQUESTS / 60, "requests", MORE),
        ("api_gateway", "API Gateway", 1, known["api_gateway"]["value"], "requests", "the quota"),
        (
            "tokens",
            "Cognito: a new token for each call",
            1,
            known["tokens"]["value"],
            "tokens",
            "tokens that are kept; API keys",
        ),
        (
            "slot",
            "cache: one application's slot",
            2 * assumed.script_units,
            known["slot"]["value"],
            "ECPUs",
            "more applications",
        ),
        ("models", "Bedrock: tokens of one model", assumed.call_tokens, known["model_tokens"]["value"] / 60, "tokens", ROUTES),
        ("calls", "DynamoDB: calls of one application", units, partitions, "units", SPREAD_CALLS),
    )
    return tuple(Limit(key, step, "arrive", need, value, unit, lift) for key, step, need, value, unit, lift in rows)


def account() -> float:
    """Write units of the row of one call of a model."""
    found = re.search(r"([\d.]+) write units for the call itself", present())
    assert found is not None
    return float(found[1])
