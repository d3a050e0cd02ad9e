"""OpenAI's embeddings, member by member."""

from openai.types import EmbeddingCreateParams

from tests.invocation.members.walking import Row, Table, here, honoured, reported

SHAPE = EmbeddingCreateParams
KINDS: dict[str, str] = {}
ROWS: dict[str, Row] = {
    "model": honoured("embeds", "gpt-4o"),
    "input": honoured(["Some words."]),
    "dimensions": honoured(2),
    "encoding_format": here("base64"),
    "user": reported("somebody"),
}
TABLE = Table(rows=ROWS, base={"model": "embeds", "input": "Words."}, objects={}, around={})
