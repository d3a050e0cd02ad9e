"""The computed part of docs/scale.md: which limit comes first as the load grows, what lifts it, and what a day then looks like.

`python -m tests.scale computed` writes it anew, `python -m tests.scale` after it has measured.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from apps.extraction.line import PAUSE, STOPPED
from apps.usage.records import Invocation
from deploy.cloudformation.parts.scaling import MOST
from foundation.adapters.aws.queue_shape import RETENTION
from foundation.settings import CHOSEN
from tests.scale.costs import ASSUMED, Limit, call_limits, document_limits, quotas, slots
from tests.scale.day import BUSIEST, DAY, STAGES, Played, Stage, play
from tests.scale.page import PAGE
from tests.scale.waiting import AFTER, LATER, PLACES, each_for_itself, in_line

BEGIN: Final = "<!-- computed by `python -m tests.scale computed` from here on -->"
END: Final = "<!-- computed to here -->"
WORDS: Final = Path(__file__).with_name("growth.md")  # the sentences around the tables
LOADS: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
CALLS: Final = 1_000_000
NEW_ACCOUNT: Final = 60  # embeddings a minute that new accounts were seen with
LIFTED: Final = LOADS[2:]
WAITING: Final = (1_000, 10_000, 50_000)
TRY_REQUESTS: Final = 3  # to SQS: received, sent again, removed
SQS_USD: Final = 0.40 / 1_000_000  # a request
LONG: Final = {"arrive": "at the API", "extract": "extraction", "chunk": "chunking", "index": "vectors"}


def busiest(load: float) -> float:
    """Documents or calls a second in the busiest hour."""
    return load * BUSIEST / 3600


def most_a_day(limit: Limit) -> float:
    """The load at which a limit is met in the busiest hour."""
    return limit.carries / busiest(1)


def stages(limits: Sequence[Limit], profile: str) -> Mapping[str, Stage]:
    """What each stage passes on under these limits."""
    found = {}
    for name in STAGES:
        own = [limit for limit in limits if limit.stage == name]
        stage = Stage(min((limit.carries for limit in own if not limit.workers), default=math.inf))
        for limit in own:
            if limit.workers:
                one = slots(profile) / MOST[profile]
                least = 1 if profile == "Production" else 0
                stage = Stage(stage.rate, one / limit.need, least, math.ceil(limit.value / one))
        found[name] = stage
    return found


@cache
def played(load: int, limits: tuple[Limit, ...], profile: str) -> Played:
    """A day under these limits."""
    return play(load, stages(limits, profile), ASSUMED.textract_seconds)


def lifts(load: int, limits: tuple[Limit, ...]) -> Iterator[tuple[Limit | None, tuple[Limit, ...]]]:
    """The limits as they are, then with each that is met lifted to what the busiest hour asks, the tightest one first."""
    yield None, limits
    while (tightest := min(limits, key=lambda limit: limit.carries)).carries < busiest(load):
        enough = replace(tightest, value=math.ceil(tightest.need * busiest(load) * 1.0001))
        limits = tuple(enough if limit is tightest else limit for limit in limits)
        yield enough, limits


def section() -> str:
    """The generated part of the page, with its marks."""
    known = document_limits()
    told = WORDS.read_text().format(
        assumed=ASSUMED,
        vectors=number(held()),
        held=number(held() / ASSUMED.chunks),
        day_of_vectors=number(LOADS[-1] * ASSUMED.chunks),
        ocus=number(LOADS[-1] * ASSUMED.chunks * ASSUMED.bytes_a_vector / ASSUMED.ocu_bytes),
        texts=number(slots("Production") / 2 * 391 / ASSUMED.pages),
        scans=number(slots("Production") / 2 / (2 * ASSUMED.pages)),
        documents="\n".join(steps(known)),
        calls="\n".join(asked(call_limits())),
        order="\n".join(order([*known, *call_limits()])),
        days="\n".join(days()),
        lifted="\n\n".join("\n".join(in_turn(load)) for load in LIFTED),
        quotas="\n".join(sources()),
        read=max(each["read"] for each in quotas().values()),
        pause=PAUSE,
        idle=PAUSE / 2 / ASSUMED.textract_seconds * 100,
        lines=number(slots("Production") / 2 * PAUSE / ASSUMED.try_seconds),
        stopped=STOPPED.total_seconds() / 60,
        places=PLACES,
        later=LATER,
        after=AFTER / 60,
        asking="\n".join(asking()),
        line_cost=TRY_REQUESTS * SQS_USD * DAY / PAUSE,
        containers=MOST["Production"],
        spread=Invocation.kind.spread,
        changes=1 / ASSUMED.transaction_seconds,
        slots=slots("Production"),
        share=slots("Production") * ASSUMED.chunks / (quotas()["embeddings"]["value"] / 60),
        minutes=slots("Production") * ASSUMED.chunks / NEW_ACCOUNT,
        new_account=NEW_ACCOUNT,
        deadline=CHOSEN.route_deadline,
        retention=RETENTION // DAY,
        calls_a_day=number(CALLS),
    )
    return f"{BEGIN}\n\n{told}\n{END}"


def asking() -> Iterator[str]:
    """What waiting takes: each for itself, as it was, and in a line."""
    yield "| documents | | tries | of each | a second later on | requests to SQS | all have begun after | the other's after |"
    yield "|---|---|---|---|---|---|---|---|"
    for documents in WAITING:
        for name, play_all in (("before", each_for_itself), ("in line", in_line)):
            found = play_all(documents, ASSUMED.textract_seconds)
            tries = sum(found.tries.values())
            cells = [number(documents), name, number(tries), number(tries / (documents + LATER)), number(found.busiest)]
            cells += [number(TRY_REQUESTS * tries), span(found.done), span(found.later)]
            yield f"| {' | '.join(cells)} |"


def held() -> float:
    """Vectors for which there is room in the OCUs that an account may grow to at first."""
    return float(quotas()["ocus"]["value"] * ASSUMED.ocu_bytes / ASSUMED.bytes_a_vector)


def steps(limits: Sequence[Limit]) -> Iterator[str]:
    """What each step is asked a second in the busiest hour of each load; bold: more than there is."""
    yield f"| step | limit | a document takes | {' | '.join(number(load) for load in LOADS)} |"
    yield "|---|---|---|" + "---|" * len(LOADS)
    for limit in limits:
        wanted = [busiest(load) * limit.need for load in LOADS]
        cells = [f"**{number(each)}**" if each > limit.value else number(each) for each in wanted]
        yield f"| {limit.step} | {number(limit.value)} {limit.unit} | {number(limit.need)} | {' | '.join(cells)} |"


def asked(limits: Sequence[Limit]) -> Iterator[str]:
    """The same for calls of models."""
    yield "| step | a second in the busiest hour | limit | met? | what lifts it |"
    yield "|---|---|---|---|---|"
    for limit in limits:
        wanted = busiest(CALLS) * limit.need
        met = "**yes**" if wanted > limit.value else "no"
        yield f"| {limit.step} | {number(wanted)} | {number(limit.value)} {limit.unit} | {met} | {limit.lift} |"


def order(limits: Sequence[Limit]) -> Iterator[str]:
    """The limits in the order in which a growing load meets them."""
    calls = call_limits()
    yield "| met from, a day | step | limit a second | what lifts it |"
    yield "|---|---|---|---|"
    for limit in sorted(limits, key=lambda limit: limit.carries):
        what = "calls" if limit in calls else "documents"
        yield f"| {number(most_a_day(limit))} {what} | {limit.step} | {number(limit.value)} {limit.unit} | {limit.lift} |"


def days() -> Iterator[str]:
    """What becomes of each load with what a deployment has at first."""
    yield "| documents a day | profile | most that wait | before | longest wait | all is done |"
    yield "|---|---|---|---|---|---|"
    for load in LOADS:
        for profile in ("Small", "Production"):
            day = played(load, document_limits(profile), profile)
            yield f"| {number(load)} | {profile} | {' | '.join(outcome(day))} |"


def in_turn(load: int) -> Iterator[str]:
    """What becomes of one load as its limits are lifted one after the other."""
    yield f"**{number(load)} documents a day**, profile Production"
    yield ""
    yield "| lifted as well | to | most that wait | before | longest wait | all is done |"
    yield "|---|---|---|---|---|---|"
    for lifted, limits in lifts(load, document_limits()):
        what = "nothing | –" if lifted is None else f"{lifted.step} | {number(lifted.value)} {lifted.unit}"
        yield f"| {what} | {' | '.join(outcome(played(load, limits, 'Production')))} |"


def outcome(day: Played) -> tuple[str, str, str, str]:
    """The largest backlog, before which stage, the longest wait and the end of the work."""
    stage = max(day.backlogs, key=lambda name: day.backlogs[name])
    most_waiting = day.backlogs[stage]
    return (number(round(most_waiting)), LONG[stage] if most_waiting >= 1 else "–", span(day.wait), moment(day.end))


def sources() -> Iterator[str]:
    """The quotas that the tables rest on."""
    yield "| service | quota | at first | raised? | confirmed? | source |"
    yield "|---|---|---|---|---|---|"
    for each in quotas().values():
        sure = "yes" if each["confirmed"] else "**not confirmed**"
        note = f" {each['note']}" if each["note"] else ""
        where = f"[page]({each['source']})"
        yield f"| {each['service']} | {each['name']} | {each['value']:,} | {each['raised']} | {sure}.{note} | {where} |"


def number(value: float) -> str:
    """A number as the page has it: three digits that count, or whole thousands."""
    if value >= 100 or value == int(value):
        return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}" if value else "0"
    return f"{value:.2g}" if value < 10 else f"{value:.3g}"


def span(seconds: float) -> str:
    """How long something takes."""
    for most_seconds, size, name in ((120, 1, "s"), (7_200, 60, "min"), (2 * DAY, 3_600, "h")):
        if seconds < most_seconds:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds / DAY:.0f} days"


def moment(seconds: float) -> str:
    """When something is over."""
    if seconds < DAY + 600:
        return "the same day"
    return f"day {seconds // DAY + 1:.0f}, {seconds % DAY // 3600:02.0f}:{seconds % 3600 // 60:02.0f}"


def present() -> str:
    """The computed part as the page has it."""
    return BEGIN + PAGE.read_text().partition(BEGIN)[2].partition(END)[0] + END


def write() -> None:
    """Have the page hold what is computed, before what is measured; all else on it stays."""
    text = PAGE.read_text()
    if BEGIN not in text:
        text = text.replace("# Scale\n", f"# Scale\n\n{BEGIN}\n{END}\n", 1)
    PAGE.write_text(text.partition(BEGIN)[0] + section() + text.partition(END)[2])
