"""The measured part of docs/scale.md: what each endpoint and each message costs in DynamoDB.

`python -m tests.scale` measures it anew and writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.running import ROOT
from tests.scale.measuring import Cost, Note, account, endpoints, kept, messages

PAGE: Final = ROOT / "docs" / "scale.md"
BEGIN: Final = "<!-- measured by `python -m tests.scale` from here on -->"
END: Final = "<!-- to here -->"
MOST: Final = 2  # round trips of one request

REASONS: Final[Mapping[str, str]] = {
    "POST /document/extraction/start_job": "it hands out each file of the job, here three, and each is a write",
    "POST /document/chunking/create_job": "the extraction job, then whether another chunking job of it waits, then the new job",
    "POST /vector/store/index/create": "the store, then whether the name is taken, then both records; an index is made once",
    "POST /vector/store/vectorize": "the chunking job, the index and its store, then the new job; all files of a job follow",
    "POST /vector/store/index/delete": "the index and its name are read, then removed; an index is removed once",
    "POST /vector/store/delete": "its indexes are listed, and removed one by one, before the store is",
    "GET /usage/calls": "calls of an application lie in several partitions, each of which is asked",
    "GET /admin/platform/get_all_app_clients": "a list; the portal's own application is looked for before",
}

WORDS: Final = """\
## What a request costs in DynamoDB

Measured on DynamoDB Local by a walk over every endpoint of [the contract](contract.md), one request after the other, with
records of a few hundred bytes and lists of a few records. A round trip is one request to DynamoDB; no request uses Scan.
A read unit is one consistent read of up to 4 KB, a write unit one write of up to 1 KB; each index that a record is in is
written too, and a write in a transaction counts twice. So a larger record or a longer list costs in proportion.

Three figures of DynamoDB Local are put right by what AWS documents: it counts a write in a transaction four times instead of
two, only one of several records of one table in a transaction, and nothing for a list that is empty.

What each process keeps in memory for 5 seconds is not in the tables; it is read once in that time, whoever asks:
{kept}.

A call of a model waits for no write. Its account follows within a second: {account:g} write units for the call itself, and one
for each sum of a day and a model, once for all calls that are written together.

{requests}

More than {most} round trips:

{reasons}

What a message costs a worker, when nobody changes the same job at that moment; of who comes second the job is read and
written again:

{messages}
"""


def section(notes: Sequence[Note]) -> str:
    """The generated part of the page, with its marks."""
    found = endpoints(notes)
    told = WORDS.format(
        kept=", ".join(f"`{table}` ({units:g})" for table, units in kept(notes).items()),
        account=account(notes),
        requests="\n".join(table("endpoint", found)),
        messages="\n".join(table("message", messages(notes))),
        reasons="\n".join(f"- `{name}`: {REASONS.get(name, 'nobody knows why')}." for name in long_ones(found)),
        most=MOST,
    )
    return f"{BEGIN}\n\n{told}\n{END}"


def table(title: str, costs: Mapping[str, Cost]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {title} | round trips | read units | write units |"
    yield "|---|---|---|---|"
    for name, cost in costs.items():
        yield f"| {name} | {cost.trips} | {cost.reads:g} | {cost.writes:g} |"


def long_ones(costs: Mapping[str, Cost]) -> list[str]:
    """The endpoints that take more round trips than a request should."""
    return [name for name, cost in costs.items() if cost.trips > MOST]


def present() -> str:
    """The generated part as the page has it."""
    text = PAGE.read_text() if PAGE.exists() else ""
    return BEGIN + text.partition(BEGIN)[2].partition(END)[0] + END


def write(notes: Sequence[Note]) -> None:
    """Have the page hold what was measured; all else on it stays."""
    text = PAGE.read_text() if PAGE.exists() else f"# Scale\n\n{BEGIN}\n{END}\n"
    PAGE.write_text(text.partition(BEGIN)[0] + section(notes) + text.partition(END)[2])
