"""The measured part of docs/scale.md: what each endpoint and each message costs in DynamoDB.

`python -m tests.scale` measures it anew and writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from apps.vectors.services import MOST_TOGETHER
from tests.running import ROOT
from tests.scale.measuring import Cost, Note, account, endpoints, kept, messages

PAGE: Final = ROOT / "docs" / "scale.md"
BEGIN: Final = "<!-- measured by `python -m tests.scale` from here on -->"
END: Final = "<!-- to here -->"
MOST: Final = 2  # round trips of one request

WORDS: Final = """\
## What a request costs in DynamoDB

Measured on DynamoDB Local by a walk over every endpoint of [the contract](contract.md), one request after the other, with
records of a few hundred bytes and lists of a few records. A round trip is what a caller waits for: requests to DynamoDB
that are under way at the same time are one. No request uses Scan.
A read unit is one consistent read of up to 4 KB, a write unit one write of up to 1 KB; each index that a record is in is
written too, and a write in a transaction counts twice. So a larger record or a longer list costs in proportion.

Three figures of DynamoDB Local are put right by what AWS documents: it counts a write in a transaction four times instead of
two, only one of several records of one table in a transaction, and nothing for a list that is empty.

What each process keeps in memory for 5 seconds is not in the tables; it is read once in that time, whoever asks:
{kept}.

A call of a model waits for no write. Its account follows within a second: {account:g} write units for the call itself, and one
for each sum of a day and a model, once for all calls that are written together.

No request takes more than {most} round trips. Of several requests to one endpoint the dearest is shown: a store is removed with
three indexes in it, and a job is started while another document of its application waits for Textract.
What indexes a store has beyond {together}, a worker removes; so it hands out the files of a job that has more than 100.
Files of a job, and parts of a batch, are read a thousand at a time.

{requests}

What a message costs a worker. How a file ended is added to its job without a read of the job, so that many workers of one
job repeat nothing; what was counted last is in the job's record, and every 25th count moves 25 of them out, with 26 writes.
The least is shown that a message costs which finds something to do; `hand_out_documents` has one file that joins the line,
`let_in_documents` lets it in:

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
        most=MOST,
        together=MOST_TOGETHER,
    )
    return f"{BEGIN}\n\n{told}\n{END}"


def table(title: str, costs: Mapping[str, Cost]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {title} | round trips | requests | read units | write units |"
    yield "|---|---|---|---|---|"
    for name, cost in costs.items():
        yield f"| {name} | {cost.trips} | {cost.requests} | {cost.reads:g} | {cost.writes:g} |"


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
