"""Anthropic's count of tokens, member by member: it has those of its messages that the model would read."""

from dataclasses import replace

from anthropic.types import MessageCountTokensParams

from tests.invocation.members import messages

SHAPE = MessageCountTokensParams
KINDS = messages.KINDS
OF_AN_ANSWER = (
    "diagnostics",
    "max_tokens",
    "inference_geo",
    "container",
    "metadata.user_id",
    "service_tier",
    "stop_sequences",
    "stream",
)
ROWS = {
    name: replace(row, beside={each: value for each, value in row.beside.items() if each != "max_tokens"})
    for name, row in messages.ROWS.items()
    if name not in OF_AN_ANSWER
}
TABLE = replace(messages.TABLE, rows=ROWS, base={name: messages.TABLE.base[name] for name in ("model", "messages")})
