"""What is looked for in texts: a row for each kind of personal data, and for each kind of secret.

A row's pattern finds what looks like one, in time that is linear in the text; its check says where it ends, if it is one.
Every row belongs to a family, which knows how much of the end of an unfinished text could be the beginning of one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from re import Match, Pattern
from typing import Final

from apps.invocation.guarding import checks

NONE: Final = -1
CONTEXT: Final = 100  # characters before a match that its check may look at
LETTERS: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u04ff"  # of addresses of mail
NEITHER: Final = re.compile("[^0-9A-Za-z]")
GROUPS: Final = re.compile("(?:[0-9A-Z]{4}[ -])+[0-9A-Z]{1,4}")
GOES_ON: Final = re.compile(r"[0-9A-Za-z_]|\.[0-9]")


@dataclass(frozen=True, slots=True)
class Family:
    """Rows that are made of the same characters. `begun`: from where a text that goes on could hold one that is not whole.

    present: whether there can be one at all; quick, and never wrong when it says no.
    """

    present: Callable[[str], object]
    begun: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Detector:
    """One row. `ends`: where what a match begins ends, or NONE when it is not what it looks like.

    openings: texts one of which has to be in what is searched; none: any text is.
    """

    rule: str
    family: Family
    pattern: Pattern[str]
    ends: Callable[[Match[str]], int] = Match.end
    openings: tuple[str, ...] = ()


def trailing(characters: str, longest: int) -> Callable[[str], str]:
    """The end of a text as far as it is of these characters (as in a pattern's brackets), at most so long."""
    pattern = re.compile(f"[{characters}]*")

    def end(text: str) -> str:
        found = pattern.match(text[: -longest - 1 : -1])
        return text[len(text) - (found.end() if found else 0) :]

    return end


def checked(check: Callable[[str], bool]) -> Callable[[Match[str]], int]:
    """Ends where the match ends, when its letters and digits pass the check."""
    return lambda match: match.end() if check(NEITHER.sub("", match[0])) else NONE


def checked_token(check: Callable[[str], bool]) -> Callable[[Match[str]], int]:
    """Ends where the match ends, when all of it passes the check."""
    return lambda match: match.end() if check(match[0]) else NONE


def most_groups(check: Callable[[str], bool]) -> Callable[[Match[str]], int]:
    """Ends after the most groups of letters and digits that pass the check together."""

    def end(match: Match[str]) -> int:
        text, place = match[0], len(match[0])
        while place > 0:
            if not GOES_ON.match(match.string, match.start() + place) and check(NEITHER.sub("", text[:place])):
                return match.start() + place
            place = max(text.rfind(" ", 0, place), text.rfind("-", 0, place))
        return NONE

    return end


def account(match: Match[str]) -> int:
    """Where an account that is written in groups of four ends, by the length that those of its country have."""
    length = checks.IBAN_LENGTHS.get(match[0][:2], 0)
    end = match.start() + length + (length - 1) // 4  # with a space or a dash after each group but the last
    if not length or GOES_ON.match(match.string, end) or not GROUPS.fullmatch(match.string, match.start(), end):
        return NONE
    return end if checks.is_iban(NEITHER.sub("", match.string[match.start() : end])) else NONE


def mail_begun(text: str) -> int:
    end = mail_end(text)
    return len(text) - (len(end) if "@" in end else min(len(end), 64))


def number_begun(text: str) -> int:
    return len(text) - len(number_end(text).lstrip(" ./)"))


def token_begun(text: str) -> int:
    start = len(text) - len(token_end(text))
    for opening in OPENING.finditer(text, start):
        if len(text) - opening.start() <= (LONGEST_JWT if opening[0] == "eyJ" else LONGEST_TOKEN):
            return opening.start()
    return max(start, len(text) - LONGEST_OPENING)


def secret_begun(text: str) -> int:
    return len(text) - len(secret_end(text))


def is_secret(match: Match[str]) -> int:
    before = match.string[max(0, match.start() - CONTEXT) : match.start()]
    return match.end() if checks.is_aws_secret(match[0], before) else NONE


def opening(first: str, unlike: str = "0-9A-Za-z") -> str:
    """The first character, with none of the unlike before it; a pattern that begins with a character is skipped to."""
    return f"{first}(?<![{unlike}]{first})"


def alone(first: str) -> str:
    """The first digit, where neither a word nor a number goes on."""
    return opening(first, "0-9A-Za-z_") + rf"(?<![0-9]\.{first})"


LONGEST_JWT: Final = 8300
LONGEST_TOKEN: Final = 260
LONGEST_OPENING: Final = 16
mail_end: Final = trailing(LETTERS + r"0-9._%+'@-", 310)
number_end: Final = trailing(r"0-9A-Z ./()+-", 72)
token_end: Final = trailing(r"0-9A-Za-z_./+=-", LONGEST_JWT)
secret_end: Final = trailing(r"0-9A-Za-z/+=", 42)

MAIL: Final = Family(lambda text: "@" in text, mail_begun)
NUMBER: Final = Family(re.compile(r"[0-9](?:[^0-9]{0,6}[0-9]){6}").search, number_begun)
TOKEN: Final = Family(lambda text: True, token_begun)
SECRET: Final = Family(lambda text: any(word in text for word in ("ecret", "ECRET", "AKIA", "ASIA")), secret_begun)

START: Final = "(?<![0-9A-Za-z])"
END: Final = "(?![0-9A-Za-z])"
PERSONAL: Final = (
    Detector(
        "email",
        MAIL,
        re.compile(
            rf"[{LETTERS}0-9_][{LETTERS}0-9._%+'-]{{0,63}}@(?:[{LETTERS}0-9][{LETTERS}0-9-]{{0,40}}\.){{1,5}}"
            rf"[{LETTERS}]{{2,24}}(?![{LETTERS}0-9])"
        ),
    ),
    Detector(
        "phone",
        NUMBER,
        re.compile(opening(r"\+", "0-9A-Za-z+") + r"[1-9](?:[ ./()-]{0,2}[0-9]){6,14}(?![0-9])"),
        checked(checks.is_phone),
        ("+",),
    ),
    Detector(
        "phone",
        NUMBER,
        re.compile(
            opening("[12-9(]", "0-9A-Za-z+.-")
            + r"(?:(?<=1)[ .-]\(?[2-9][0-9]{2}\)?[ .-]?|(?<=\()[2-9][0-9]{2}\) ?|(?<=[2-9])[0-9]{2}[ .-])"
            + r"[2-9][0-9]{2}[ .-][0-9]{4}(?![0-9A-Za-z]|[.-][0-9])"
        ),
    ),
    Detector("card", NUMBER, re.compile(rf"{alone('[2-6]')}[0-9]{{12,18}}(?![0-9A-Za-z_]|\.[0-9])"), checked(checks.is_card)),
    Detector(
        "card", NUMBER, re.compile(rf"{alone('[2-6]')}[0-9]{{3}}(?:[ -][0-9]{{3,7}}){{2,4}}"), most_groups(checks.is_card)
    ),
    Detector("iban", NUMBER, re.compile(rf"{opening('[A-Z]')}[A-Z][0-9]{{2}}[0-9A-Z]{{11,30}}{END}"), checked(checks.is_iban)),
    Detector(
        "iban",
        NUMBER,
        re.compile(rf"{opening('[A-Z]')}[A-Z][0-9]{{2}}[ -][0-9A-Z]{{4}}[ -][0-9A-Z]{{3}}"),
        account,
    ),
    Detector(
        "us_ssn",
        NUMBER,
        re.compile(
            opening("[0-8]", "0-9A-Za-z_-")
            + "[0-9]{2}(?<!000)(?<!666)-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9A-Za-z_]|-[0-9A-Za-z])"
        ),
        openings=("-",),
    ),
    Detector(
        "swiss_ahv",
        NUMBER,
        re.compile(alone("7") + r"56[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}(?![0-9A-Za-z_])"),
        checked(checks.is_ahv),
        ("756",),
    ),
    Detector(
        "german_tax_id",
        NUMBER,
        re.compile(alone("[1-9]") + r"[0-9](?: ?[0-9]{3}){3}(?![0-9A-Za-z_]|\.[0-9])"),
        checked(checks.is_german_tax_id),
    ),
)

SECRETS: Final = (
    Detector(
        "aws_access_key",
        TOKEN,
        re.compile(rf"{START}A(?:KI|SI)A[A-Z2-7]{{16}}{END}"),
        checked_token(checks.is_aws_key_id),
        ("AKIA", "ASIA"),
    ),
    Detector("aws_secret_key", SECRET, re.compile(r"(?<![0-9A-Za-z/+=])[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+=])"), is_secret),
    Detector(
        "bedrock_key", TOKEN, re.compile(rf"{START}ABSK[0-9A-Za-z+/]{{80,200}}={{0,2}}(?![0-9A-Za-z+/=])"), openings=("ABSK",)
    ),
    Detector(
        "github_token",
        TOKEN,
        re.compile(rf"{START}gh[pousr]_[0-9A-Za-z]{{36}}{END}"),
        checked_token(checks.is_github_token),
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    ),
    Detector(
        "github_token",
        TOKEN,
        re.compile(rf"{START}github_pat_[0-9A-Za-z]{{22}}_[0-9A-Za-z]{{59}}{END}"),
        openings=("github_pat_",),
    ),
    Detector("gitlab_token", TOKEN, re.compile(rf"{START}glpat-[0-9A-Za-z_-]{{20}}{END}"), openings=("glpat-",)),
    Detector("slack_token", TOKEN, re.compile(rf"{START}xox[abeoprs](?:-[0-9A-Za-z]{{6,60}}){{2,4}}{END}"), openings=("xox",)),
    Detector(
        "slack_token",
        TOKEN,
        re.compile(rf"{START}xapp-[0-9]-[0-9A-Z]{{8,20}}-[0-9]{{8,20}}-[0-9a-f]{{32,80}}{END}"),
        openings=("xapp-",),
    ),
    Detector("google_api_key", TOKEN, re.compile(rf"{START}AIza[0-9A-Za-z_-]{{35}}(?![0-9A-Za-z_-])"), openings=("AIza",)),
    Detector(
        "openai_key",
        TOKEN,
        re.compile(
            rf"{START}sk-(?:(?:proj|svcacct|admin)-)?[0-9A-Za-z_-]{{20,80}}T3BlbkFJ[0-9A-Za-z_-]{{20,80}}(?![0-9A-Za-z_-])"
        ),
        openings=("T3BlbkFJ",),
    ),
    Detector(
        "anthropic_key",
        TOKEN,
        re.compile(rf"{START}sk-ant-[a-z]{{3,5}}[0-9]{{2}}-[0-9A-Za-z_-]{{80,120}}(?![0-9A-Za-z_-])"),
        openings=("sk-ant-",),
    ),
    Detector("stripe_key", TOKEN, re.compile(rf"{START}[sr]k_live_[0-9A-Za-z]{{24,120}}{END}"), openings=("k_live_",)),
    Detector("huggingface_token", TOKEN, re.compile(rf"{START}hf_[A-Za-z]{{34}}{END}"), openings=("hf_",)),
    Detector("platform_key", TOKEN, re.compile(rf"{START}gaf_[0-9A-Za-z_-]{{43}}(?![0-9A-Za-z_-])"), openings=("gaf_",)),
    Detector(
        "jwt",
        TOKEN,
        re.compile(
            r"(?<![0-9A-Za-z_.-])eyJ[0-9A-Za-z_-]{8,1000}\.[0-9A-Za-z_-]{2,6000}\.[0-9A-Za-z_-]{0,1200}(?![0-9A-Za-z_-])"
        ),
        checked_token(checks.is_jwt),
        ("eyJ",),
    ),
)
OPENING: Final = re.compile(
    f"{START}(?:AKIA|ASIA|ABSK|gh[pousr]_|github_pat_|glpat-|xox|xapp-|AIza|sk-|[sr]k_live_|hf_|gaf_|eyJ)"
)
