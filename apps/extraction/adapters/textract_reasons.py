"""What Textract says when it cannot read a document, and what that means to the person who uploaded it.

https://docs.aws.amazon.com/textract/latest/dg/limits-document.html
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apps.extraction.names import Kind
from apps.extraction.results import Unreadable
from foundation.errors import Problem

BUSY: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
    }
)
LOST: Final = frozenset({"InvalidJobIdException", "IdempotentParameterMismatchException"})
OUT_OF_PLACE: Final = frozenset({"InvalidParameterException"})  # what a token is refused with that is not good any more
NO_TEXT: Final = "No text was found in the document."
MOST: Final[Mapping[Kind, str]] = {
    Kind.PDF: "500 MB and 3,000 pages. Split it.",
    Kind.TIFF: "500 MB and 3,000 pages. Split it.",
    Kind.PNG: "10 MB and 10,000 pixels a side. Make it smaller.",
    Kind.JPEG: "10 MB and 10,000 pixels a side. Make it smaller.",
}
UNSUPPORTED: Final = (
    "By its name the file is a {kind}; Textract cannot read its content as one. "
    "It may be encrypted, or of another kind: save it anew without a password and upload it again."
)
DAMAGED: Final = "The document cannot be read: it is damaged or encrypted. Save it anew without a password and upload it again."
TOO_LARGE: Final = "The document is too large: at most {most}"
REASONS: Final[Mapping[str, str]] = {
    "unsupporteddocument": UNSUPPORTED,
    "invalidimagetype": UNSUPPORTED,
    "baddocument": DAMAGED,
    "encrypteddocument": DAMAGED,
    "passwordprotected": DAMAGED,
    "documenttoolarge": TOO_LARGE,
    "pagelimitexceeded": TOO_LARGE,
    "toomanypages": TOO_LARGE,
}
OURS: Final[Mapping[str, str]] = {
    "invalids3object": "it may not fetch the document from the bucket; the platform's role needs s3:GetObject on documents/* "
    "and kms:Decrypt, and the bucket must be in Textract's region",
    "invalidkmskey": "it may not use the bucket's key; the platform's role needs kms:Decrypt",
    "invalidparameter": "the platform asks it in a wrong way",
}


def trouble(said: str, kind: Kind) -> Unreadable | Problem | None:
    """What Textract's code or message means for a document; None when nobody can say.

    Unreadable is for its owner. A Problem is for the operator, and the document can be tried again after that.
    """
    word = "".join(letter for letter in said.lower() if letter.isalnum()).removesuffix("exception")
    if word in REASONS:
        return Unreadable(REASONS[word].format(kind=kind.upper(), most=MOST.get(kind, "")))
    if word in OURS:
        return Problem(f"Textract refuses the platform: {OURS[word]}")
    return None


def remark(warnings: Iterable[Mapping[str, Any]]) -> str:
    """What is missing from a document that was read in part, from Textract's warnings."""
    codes = {page: str(warning.get("ErrorCode", "")) for warning in warnings for page in warning.get("Pages") or ()}
    if not codes:
        return "Textract could not read some of the pages; they are empty."
    told = ", ".join(f"{page} ({code})" if code else str(page) for page, code in sorted(codes.items()))
    return f"Textract could not read these pages, which are empty: {told}."
