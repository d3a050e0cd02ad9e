"""How many tokens a request has before a model is asked: about, which the account says where no provider has counted, and at
the most, which is reserved for it.

At the most: a small Latin letter and a space are half a token, a Cyrillic letter one, any other sign one for its first byte in
UTF-8 and half of one for each further, and those of four bytes, as emoji, a token for each. No tokenizer that works on bytes
makes more than one token of a byte, so no text is more than twice as many. With o200k, cl100k, Claude 2, Llama 2 and 3,
Mistral, Gemma 3 and SmolLM2, texts in 15 languages (Latin, Cyrillic, Greek, Arabic, Hebrew, Devanagari, Thai, Chinese,
Japanese), code, JSON, digits, punctuation and emoji are at most as many; random letters, numbers between spaces, and scripts
that one of them does not know (Korean, Georgian, Bengali, Ethiopic) are up to 1.5 times as many.
"""

import base64
import binascii
import string
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from apps.invocation import papers
from apps.invocation.invocations import Document, Image, Part, Request, Text, Thinking, ToolResult, ToolUse
from apps.invocation.lengths import BINARY
from apps.invocation.records import Kind

BYTES_A_TOKEN: Final = 4
CYRILLIC: Final = b"\xd0\xd1"  # begin its letters
HALVES: Final = f"{string.ascii_lowercase} ".encode() + bytes(range(0x80, 0xC0)) + CYRILLIC
BEYOND: Final = b"\xf0"  # begins four bytes of UTF-8
LARGE: Final = 200_000  # characters that are not read on an event loop
# What providers add to the texts. A request: the system prompt and the date of a model's own template (gpt-oss adds about 70).
# Tools: the system prompt that explains them (Anthropic's is at most 804: platform.claude.com/docs/en/agents-and-tools/
# tool-use/overview, as of 2026-11). A picture: Anthropic's largest has 4,784 (docs/en/build-with-claude/vision); of
# others only gpt-4o-mini is known to count more.
A_REQUEST: Final = 100
A_MESSAGE: Final = 10
TOOLS: Final = 1000
A_TOOL: Final = 20
A_PICTURE: Final = 5000
A_TEXT: Final = 4  # of those that are embedded or ranked


class Size(Struct, frozen=True):
    """Tokens of a request. about: as well as can be told; text: of its texts at the most; beside: of all else at the most.
    exact: its model's own tokenizer has counted them, which is all in `beside`."""

    about: int
    text: int
    beside: int
    exact: bool = False


class Pile(Struct):
    """What a request is made of, while it is gone through. binary: the bytes that all else is about worth."""

    texts: list[str] = field(default_factory=list)
    papers: list[bytes] = field(default_factory=list)
    binary: int = 0
    beside: int = 0

    def add(self, parts: Iterable[Part]) -> None:
        """These parts of a turn."""
        for part in parts:
            match part:
                case Text():
                    self.texts.append(part.text)
                case Thinking():
                    self.texts += part.text, part.redacted
                case ToolUse():
                    self.texts += part.name, part.input
                    self.beside += A_TOOL
                case ToolResult():
                    self.add(part.content)
                    self.beside += A_TOOL
                case Document():
                    self._add_document(part)
                case Image():
                    self.binary += BINARY
                    self.beside += A_PICTURE

    def _add_document(self, document: Document) -> None:
        """A text as one; of a PDF its pages; of anything else a token for each byte, as its text is packed."""
        if papers.is_pdf(document):
            tokens = papers.tokens_of(document)
            self.binary += tokens * BYTES_A_TOKEN
            self.beside += tokens
            return
        try:
            content = base64.b64decode(document.base64)
        except (binascii.Error, ValueError):
            content = document.base64.encode(errors="surrogatepass")
        if document.media_type.lower().startswith("text/"):
            self.papers.append(content)
        else:
            self.binary += BINARY
            self.beside += max(len(content), BINARY // BYTES_A_TOKEN)


def size_of(request: Request, kind: Kind) -> Size:
    """The size of a request to a model of this kind. Long for a large one: see `is_large`."""
    pile = Pile()
    pile.add(request.system)
    for message in request.messages:
        pile.add(message.content)
    if kind is Kind.TEXT:
        pile.beside += A_REQUEST + A_MESSAGE * (len(request.messages) + len(request.system))
    else:
        pile.beside += A_TEXT * len(pile.texts)
    if kind is Kind.RERANK:  # the query is read with each document
        pile.beside += len(pile.texts) * most_of(pile.texts[0].encode(errors="surrogatepass"))
    if request.tools:
        pile.beside += TOOLS + A_TOOL * len(request.tools)
        for tool in request.tools:
            pile.texts += tool.name, tool.description, str(tool.schema)
    if request.output is not None and request.output.schema is not None:
        pile.texts.append(str(request.output.schema))
    text = b"".join(("".join(pile.texts).encode(errors="surrogatepass"), *pile.papers))
    return Size(-(-(len(text) + pile.binary) // BYTES_A_TOKEN), most_of(text), pile.beside)


def most_of(text: bytes) -> int:
    """The most tokens that are expected of a text in UTF-8, and no less than half of its bytes."""
    whole = len(text.translate(None, HALVES))
    return whole + (len(text) - whole + 1) // 2 + 3 * text.count(BEYOND) // 2


def is_large(request: Request) -> bool:
    """Whether measuring it takes so long that it must not be done on an event loop."""
    return sum(map(length, request.system)) + sum(length(part) for each in request.messages for part in each.content) > LARGE


def length(part: Part) -> int:
    """How many characters of a part are gone through."""
    match part:
        case Text() | Thinking():
            return len(part.text)
        case ToolUse():
            return len(part.input)
        case ToolResult():
            return sum(map(length, part.content))
        case Document():
            return len(part.base64)
    return 0
