"""A day of documents, played second by second: what waits before each stage, how long, and until when. It has no chance in it.

Documents are an amount that flows, so parts of one may move. Each stage passes on what its tightest limit allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from deploy.cloudformation.parts.scaling import OLD_SECONDS

STAGES: Final = ("arrive", "extract", "chunk", "index")
HOURS: Final = (1, 1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 9, 7, 8, 9, 8, 6, 4, 3, 2, 2, 2, 1, 1)  # hundredths of the day in each hour
BUSIEST: Final = max(HOURS) / 100
DAY: Final = 86_400
MINUTE: Final = 60
COOLDOWN: Final = 2  # minutes between two steps of scaling
STALE: Final = OLD_SECONDS + 240  # seconds from which three more come at once
LONGEST: Final = 400 * DAY


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage can do. rate: documents a second by its limits without workers.

    a_container: what one container passes on in a second, None for a stage without workers.
    """

    rate: float
    a_container: float | None = None
    least: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a day. backlog, wait (seconds) and end (seconds after midnight) are those of the worst document.

    passed: what each stage has passed on in the end; backlogs: the most that waited before each stage.
    """

    came: float
    passed: Mapping[str, float]
    backlogs: Mapping[str, float]
    wait: float
    end: float

    @property
    def done(self) -> float:
        """Documents that are through."""
        return self.passed[STAGES[-1]]


@dataclass(slots=True)
class Line:
    """Documents before one stage: how many came until each minute, how many have left, and its containers."""

    stage: Stage
    came: float = 0.0
    left: float = 0.0
    containers: int = 0
    changed: int = -COOLDOWN
    most: float = 0.0
    history: list[float] = field(default_factory=lambda: [0.0])
    head: int = 0

    def rate(self) -> float:
        """Documents that it can pass on in a second now."""
        own = self.stage.a_container
        return self.stage.rate if own is None else min(self.stage.rate, own * self.containers)

    def age(self, minute: int) -> float:
        """Seconds that the oldest one has waited at the end of a minute, to the minute."""
        self.history.append(self.came)
        while self.head < minute and self.history[self.head + 1] <= self.left + 1e-6:
            self.head += 1
        return 0.0 if self.came - self.left <= 1e-6 else float((minute - self.head) * MINUTE)

    def scale(self, minute: int, age: float) -> None:
        """One container where nobody works; one more, or three, where the oldest is too old. Rest is left out: it saves money
        and changes no wait but by the minute in which the first one wakes."""
        if self.stage.a_container is None or minute - self.changed < COOLDOWN:
            return
        more = (1 if age and not self.containers else 0) or (3 if age >= STALE else 1 if age > OLD_SECONDS else 0)
        if more and self.containers < self.stage.most:
            self.containers, self.changed = min(self.containers + more, self.stage.most), minute


def arrivals(documents: float) -> Sequence[float]:
    """Documents a second in each hour of the day."""
    return [documents * share / 100 / 3600 for share in HOURS]


def play(documents: float, stages: Mapping[str, Stage], lag: float = 0.0) -> Played:
    """Play a day, and the days after it until its work is done; lag: seconds that every document takes in any case.

    The day itself goes second by second, what is left of it minute by minute.
    """
    lines = [Line(stages[name], containers=stages[name].least) for name in STAGES]
    whole, hours, minute, wait = Line(Stage(0)), arrivals(documents), 0, 0.0
    while minute * MINUTE < DAY or lines[-1].left < documents - 1e-3:
        assert minute * MINUTE < LONGEST, "this day is never done"
        begun = minute * MINUTE
        coming = hours[begun // 3600] if begun < DAY else 0.0
        flow(lines, coming, 1 if begun < DAY else MINUTE)
        whole.came, whole.left = whole.came + coming * MINUTE, lines[-1].left
        minute += 1
        wait = max(wait, whole.age(minute))
        for line in lines:
            line.most = max(line.most, line.came - line.left)
            line.scale(minute, line.age(minute))
    passed = {name: line.left for name, line in zip(STAGES, lines, strict=True)}
    backlogs = {name: line.most for name, line in zip(STAGES, lines, strict=True)}
    return Played(whole.came, passed, backlogs, wait + lag, minute * MINUTE + lag)


def flow(lines: Sequence[Line], coming: float, step: int) -> None:
    """One minute in steps of so many seconds: each stage takes what came and passes on what it can."""
    rates = [line.rate() * step for line in lines]
    for _ in range(MINUTE // step):
        moved = coming * step
        for line, rate in zip(lines, rates, strict=True):
            line.came += moved
            waiting = line.came - line.left
            moved = waiting if waiting < rate else rate
            line.left += moved
