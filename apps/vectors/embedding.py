"""Texts into vectors, by way of the model gateway: counted and limited there like every other call of the application."""

from collections.abc import Sequence

from asgiref.sync import async_to_sync

from apps.invocation import services as invocation
from foundation.identity import Caller


def as_embedded(text: str) -> str:
    """The text as the model gets it: newlines become spaces. What is stored keeps them."""
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")


def embed(caller: Caller, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """One vector for each text, in their order."""
    return async_to_sync(invocation.embed)(caller, model, [as_embedded(text) for text in texts]).vectors


def measured(caller: Caller, model: str) -> tuple[str, int]:
    """The name of the model that answers for `model` at this moment, and how many numbers its vectors have.

    Invalid when there is no such model, or it makes no vectors.
    """
    made = async_to_sync(invocation.embed)(caller, model, ["dimension"])
    return made.served_by or model, len(made.vectors[0])
