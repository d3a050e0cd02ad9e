"""Every member that the SDKs of OpenAI and Anthropic document is honoured, reported or refused: none is dropped in silence.

A member that a new SDK brings has no row in its table, and fails here until somebody decides what becomes of it.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model
from tests.invocation.claudes import claudes
from tests.invocation.door import Answer, Door
from tests.invocation.members import chat, counting, embeddings, messages, rerank, responses
from tests.invocation.members.walking import Row, Table, members, plain
from tests.upstream.openai_server import running

DIALECTS = {
    "/v1/chat/completions": chat,
    "/v1/responses": responses,
    "/v1/embeddings": embeddings,
    "/v1/rerank": rerank,
    "/v1/messages": messages,
    "/v1/messages/count_tokens": counting,
}
ROWS = [(path, name) for path, dialect in DIALECTS.items() for name in dialect.ROWS]
KINDS = {"able": Kind.TEXT, "embeds": Kind.EMBED, "ranks": Kind.RERANK}
TOLD = ("x-ignored-parameters", "x-adjusted-parameters")


@pytest.fixture(scope="module")
def wires() -> Iterator[dict[str, list[Any]]]:
    """What servers with OpenAI's and with Anthropic's API were asked, by the dialect that they have in common with the caller;
    their models, which can do all that there is, are called `able`, `embeds`, `ranks` and `claude-test` here."""
    with running() as openai, claudes() as anthropic:
        there = (Deployment("there", "openai_compatible", "gpt-4o", base_url=openai.url),)
        for name, kind in KINDS.items():
            services.save_model(Model(name, "", kind, "", inputs=("image", "document"), deployments=there))
        yield {path: anthropic.asked if "/messages" in path else openai.asked for path in DIALECTS}
        for name in KINDS:
            services.remove_model(name)


@pytest.mark.parametrize("path", DIALECTS)
def test_every_member_that_is_documented_is_decided_and_no_other(path: str) -> None:
    dialect = DIALECTS[path]
    documented = set(members(dialect.SHAPE, dialect.ROWS, dialect.KINDS))
    assert documented - dialect.ROWS.keys() == set(), "say in the table what becomes of these"
    assert dialect.ROWS.keys() - documented == set(), "the SDK does not have these any more"


@pytest.mark.parametrize(("path", "name"), ROWS, ids=str)
async def test_a_member_is_honoured_reported_or_refused(path: str, name: str, door: Door, wires: Any) -> None:
    table: Table = DIALECTS[path].TABLE
    before = len(wires[path])
    answer = await door.post(path, table.body(name))
    asked = [getattr(each, "body", each) for each in wires[path][before:]]
    holds(table.rows[name], name, answer, asked[0] if asked else None)


def holds(row: Row, name: str, answer: Answer, asked: Any) -> None:
    """Fail unless this became of it."""
    told = [plain(each) for header in TOLD for each in answer.headers.get(header, "").split(",") if each]
    if row.verdict == "refused":
        assert (answer.status, asked) == (400, None), (answer.status, answer.body, told)
        return
    assert answer.status == 200, answer.body
    if row.verdict == "reported":
        assert (row.shown or plain(name)) in told, told
    else:
        assert told == []
    if row.verdict == "honoured":
        assert json.dumps(row.shown) in json.dumps(asked), asked
