"""The words of a question: which must be the very same where two questions share an answer, as an embedding is blind to them.

An embedding says what a text is about. It hardly notices `not`, another number or name, or which of two things comes first;
in a long text it hardly notices any one word. So all words must be the same, in their order and to the letter, but for the
ways of asking in the table below, and for the lightest words of a short question: whether those matter, the embedding tells.
What the table does not know, in whatever language, is another question.
"""

import re
from itertools import pairwise
from typing import Final

SHORT: Final = 12  # words; in a longer text an embedding does not notice that one is missing
LIGHT: Final = frozenset(("the", "that", "which", "it", "me"))
PREPOSITIONS: Final = frozenset(("at", "by", "for", "from", "in", "of", "off", "on", "out", "to", "with"))
MATERIAL: Final = re.compile(r"[\n:;\"“”„«»`{}<>=\[\]|\\]")  # a text to work on, or code: every sign of it counts

QUESTION: Final = (
    "what|who|whom|whose|where|when|why|how|which|is|are|was|were|does|did|has|can|could|should|will|would|"
    "wer|wen|wem|wo|wann|warum|wie|welche[rsmn]?|qui|quel(?:le)?s?|où|quand|comment|pourquoi|combien|"
    "qué|quién(?:es)?|cuál(?:es)?|dónde|cuándo|cómo|chi|quale|dove|quando|perché|quem|qual|onde|waar|wanneer|waarom"
)
PLEASE: Final = "please|kindly|bitte|s'il vous plaît|s'il te plaît|por favor|per favore|alstublieft"
TASK: Final = (
    "calculate|check|compare|convert|describe|draft|explain|find|fix|give|list|rewrite|show|summari[sz]e|tell|translate"
)

WAYS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        ("[’ʼ]", "'"),
        (r"^¿ ?", ""),
        # short and long forms
        (r"\bcan(?:'t|not)\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\b(what|who|where|when|how|it|that|there|he|she)'s\b", r"\1 is"),
        (r"\bi'm\b", "I am"),
        (r"\b(i|you|we|they)'ve\b", r"\1 have"),
        (r"\b(you|we|they)'re\b", r"\1 are"),
        (r"\b(i|you|he|she|it|we|they)'ll\b", r"\1 will"),
        # politeness
        (rf"^(?:{PLEASE}),? ", ""),
        (rf"^(?!.*\bsay\b)(.*), (?:{PLEASE})(?=[.!?]?$)", r"\1"),
        (r"^(?:can|could|would|will) you please (.+?)\??$", r"\1"),
        (rf"^(?:can|could|would|will) you ((?:{TASK}) .*?)\??$", r"\1"),
        # indirect questions
        (r"^i(?: would|'d) like to know |^i want to know ", "tell me "),
        (rf"^tell me,? (?=(?:{QUESTION}) )", ""),
        (r"^tell me (?=the )", "what is "),
        # wordings and spellings
        (r"^how (?:(?:can|could|do) i|i (?:can|could)) ", "how to "),
        (r"^((?:convert|translate) .*) into ", r"\1 to "),
        (r"\b([\w-]{1,30})'s ([\w-]+)", r"\2 of \1"),
        (r"\b(\w{4,}[iy])s(e[sd]?|ing|ation)\b", r"\1z\2"),
        # the mark at the end, where the sentence is the same without it
        (rf"^((?:{QUESTION})\b.*?) ?\?$", r"\1"),
        (r"(?<=[^\W\d_])\.$", ""),
    )
)
INITIAL: Final = re.compile(r"^\w(?=[^\W\d_]*[a-zß-ÿ]| )")


def plain(text: str) -> str:
    """A question without its way of asking; what looks like a text to work on is as it was."""
    if MATERIAL.search(text):
        return text
    text = " ".join(text.split())
    for pattern, put in WAYS:
        text = pattern.sub(put, text)
    return INITIAL.sub(lambda first: first[0].lower(), text)


def decisive(question: str) -> str:
    """The words of a plain question that must be the same, in their order: all, or in a short one all but the light ones; after
    a preposition those count too, for `in the front of` is not `in front of`."""
    words = question.split(" ")
    if len(words) > SHORT or MATERIAL.search(question):
        return question
    return " ".join(word for before, word in pairwise(("", *words)) if word not in LIGHT or before in PREPOSITIONS)
