"""Texts that a guard finds something in, texts that only look so, and calls under a guard."""

import base64
import json
import zlib
from collections.abc import AsyncGenerator, Sequence

from apps.applications.records import Action, Guard, Policy
from apps.invocation.calls import Call
from apps.invocation.guarding.checks import BASE62
from apps.invocation.invocations import NOTHING, Event, Finish, Message, Request, Role, StopReason, Text
from apps.invocation.records import Kind, Model
from foundation.identity import Caller

EVERYTHING = Guard(personal=Action.MASK, secrets=Action.MASK)


def github_token(prefix: str, body: str) -> str:
    """A GitHub token with its right checksum."""
    number, said = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        said = BASE62[digit] + said
    return prefix + body + said.rjust(6, "0")


def iban(country: str, account: str) -> str:
    """An IBAN with its right check digits."""
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02}{account}"


def aws_key_id(account: int) -> str:
    """The id of an AWS access key that names its account."""
    return "AKIA" + base64.b32encode(((account << 7) | 1 << 47).to_bytes(6, "big") + b"\x91\x02\x5c\xfe").decode()


def jwt(header: object, claims: object) -> str:
    """Three parts in the form of a token."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, "c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"])


CLAIMS = {"sub": "1234567890", "exp": 1900000000}
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\nabc+/def==\n-----END RSA PRIVATE KEY-----"
FOUND = {
    "email": [
        "bob@example.com",
        "first.last+tag@sub.example.co.uk",
        "o'neil_9@example.org",
        "jürgen@müller.de",
        "иван@почта.рф",
        "ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    ],
    "phone": [
        "+41 44 668 18 00",
        "+49-30-1234567",
        "+12125550123",
        "+1 (212) 555-0123",
        "(212) 555-0123",
        "212-555-0123",
        "+44 (0)20 7946 0958",
        "＋４１ ４４ ６６８ １８ ００",
    ],
    "card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "378282246310005",
        "3782 822463 10005",
        "6011000990139424",
        "2223003122003222",
        "４１１１ １１１１ １１１１ １１１１",
        "4111\u00a01111\u00a01111\u00a01111",
    ],
    "iban": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "CH93 0076 2011 6238 5295 7",
        iban("FR", "20041010050500013M02606"),
        iban("NO", "86011117947"),
    ],
    "us_ssn": ["078-05-1120", "899-99-9999", "123‑45‑6789"],
    "swiss_ahv": ["756.9217.0769.85", "7569217076985", "756 9217 0769 85"],
    "german_tax_id": ["86095742719", "86 095 742 719", "47036892816"],
    "aws_access_key": ["AKIAIOSFODNN7EXAMPLE", aws_key_id(123456789012), aws_key_id(581039954779)],
    "aws_secret_key": [
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        '{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}',
    ],
    "github_token": [
        github_token("ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"),
        github_token("gho_", "0123456789abcdefghijklmnopqrst"),
        "github_pat_" + "11ABCDEFG0abcdefghijkl" + "_" + "x1Y" * 19 + "zz",
    ],
    "gitlab_token": ["glpat-" + "a1B2c3D4e5F6g7H8i9J0"],
    "slack_token": ["xoxb-" + "123456789012-1234567890123-" + "AbCdEfGhIjKlMnOpQrStUvWx"],
    "google_api_key": ["AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"],
    "openai_key": ["sk-" + "a1B2" * 5 + "T3BlbkFJ" + "c3D4" * 5, "sk-proj-" + "aB3_" * 14 + "T3BlbkFJ" + "x-Y9" * 14],
    "anthropic_key": ["sk-ant-api03-" + "aB3_-" * 19 + "AA"],
    "stripe_key": ["sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"],
    "huggingface_token": ["hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH"],
    "platform_key": ["gaf_" + "x-Y_9" * 8 + "abc"],
    "bedrock_key": ["ABSK" + "QmVkcm9ja0FQSUtleS1" * 6 + "ab=="],
    "jwt": [jwt({"alg": "RS256", "kid": "k"}, CLAIMS), jwt({"typ": "JWT", "alg": "none"}, {})],
    "private_key": [PEM, PEM.replace("RSA ", ""), PEM.replace("RSA ", "ENCRYPTED "), PEM.replace("\n", "\\n")],
}
NOT_FOUND = [
    "bob@example",
    "bob at example.com",
    "@example.com",
    "name@1.2.3",
    "a @ b.com",
    "+28 44 668 18 00",
    "+1234567",
    "+1 112 555 0123",
    "212-155-0123",
    "1212-555-01234",
    "4111111111111112",
    "4111 1111 1111 1112",
    "41111111111111111111",
    "0.4111111111111111",
    "x4111111111111111",
    "9111111111111111",
    "0000000000000000",
    "DE88370400440532013000",
    "DE8937040044053201300",
    "XX89370400440532013000",
    "aDE89370400440532013000",
    "000-12-3456",
    "666-12-3456",
    "900-12-3456",
    "123-00-4567",
    "123-45-0000",
    "1123-45-6789",
    "123-45-67890",
    "756.9217.0769.84",
    "7579217076985",
    "86095742718",
    "12345678901",
    "11111111111",
    "AKIAIOSFODNN7EXAMPL",
    "AKIA77777777777EXAMPLE",
    "AKIA" + "7" * 16,
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "secret: da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18",
    "ghp_" + "a" * 36,
    "xoxb-short",
    "AIza-too-short",
    "sk-learn and sk-" + "a" * 48,
    "sk-ant-api03-short",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "gaf_short",
    "eyJhbGciOiJSUzI1NiJ9.e30",
    "eyJhbGciOiJSUzI1NiJ9x.e30x.abc",
    jwt({"kid": "k"}, CLAIMS),
    jwt({"alg": "RS256"}, [1]),
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "Version 1.2.3.4 of 2026-11-24T16:45:59, at 100 000 000 CHF, ISBN 978-3-16-148410-0.",
    "a 550e8400-e29b-41d4-a716-446655440000 b",
]


def call(guard: Guard, request: Request | None = None) -> Call:
    """A call of an application that has this guard."""
    model = Model("m", "m", Kind.TEXT, "p")
    asked = request or Request("m", (Message(Role.USER, (Text("Hello."),)),))
    return Call(Caller("a", "c"), asked, Policy("a", guard=guard), model, model)


async def stream(events: Sequence[Event]) -> AsyncGenerator[Event, None]:
    """The events and an end."""
    for event in events:
        yield event
    yield Finish(NOTHING, StopReason.END)
