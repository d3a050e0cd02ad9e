"""What administrators say of what an application may do: its limits, its models, and how its calls are handled."""

from typing import Any, Final

from django import forms
from msgspec.structs import asdict, replace

from apps.applications.records import Action, Allowance, CacheScope, Policy

ACTIONS: Final = (
    (Action.OFF.value, "Do nothing"),
    (Action.NOTE.value, "Note it on the account"),
    (Action.MASK.value, "Put a mask in its place"),
    (Action.BLOCK.value, "Refuse the call"),
)
CACHES: Final = (
    ("off", "Never"),
    ("exact", "To the very same request"),
    ("semantic", "To a request that means the same"),
    ("both", "To both"),
)
KINDS: Final = {"off": (False, False), "exact": (True, False), "semantic": (False, True), "both": (True, True)}
SCOPES: Final = (
    (CacheScope.APPLICATION.value, "All of the application"),
    (CacheScope.USER.value, "Calls with the same user"),
)
WHOLE_WRONG: Final = {"invalid": "Enter a whole number, or nothing for no limit."}
MONEY_WRONG: Final = {"invalid": "Enter an amount of US dollars, for example 12.50, or nothing for no limit."}


def whole(label: str) -> forms.IntegerField:
    """A limit that is a whole number."""
    return forms.IntegerField(label=label, required=False, error_messages=WHOLE_WRONG)


def money(label: str) -> forms.FloatField:
    """A limit in dollars."""
    return forms.FloatField(
        label=label, required=False, error_messages=MONEY_WRONG, widget=forms.NumberInput({"step": "0.01", "min": "0.01"})
    )


class AllowanceForm(forms.Form):
    """The limits of all models together, or of one."""

    requests_per_minute = whole("Requests a minute")
    tokens_per_minute = whole("Tokens a minute")
    concurrent = whole("Calls at once")
    usd_per_day = money("US dollars a day")
    usd_per_month = money("US dollars a month")

    @classmethod
    def of(cls, allowance: Allowance, model: str = "") -> "AllowanceForm":
        """The form that shows limits as they are; each has ids of its own on the page."""
        shown = {name: f"{value:.12g}" if isinstance(value, float) else value for name, value in asdict(allowance).items()}
        return cls(initial=shown, auto_id=f"{model or 'all'}-%s")

    @property
    def allowance(self) -> Allowance:
        """What was filled in."""
        return Allowance(**self.cleaned_data)


class AllowForm(forms.Form):
    """The models that an application may call."""

    models = forms.CharField(
        label="Models that it may call",
        help_text="A name or a pattern a line; * and ? stand for other characters, as in claude-*. Empty: every model.",
        required=False,
        max_length=40_000,
        widget=forms.Textarea({"rows": 5, "spellcheck": "false"}),
    )

    @classmethod
    def of(cls, policy: Policy) -> "AllowForm":
        """The form that shows the list as it is."""
        return cls(initial={"models": "\n".join(policy.models)})

    @property
    def patterns(self) -> tuple[str, ...]:
        """What was filled in."""
        return lines_of(self.cleaned_data["models"])


class HandlingForm(forms.Form):
    """What is done with an application's calls: kept answers, checks, and what was said."""

    cache = forms.ChoiceField(label="Give an answer again", choices=CACHES)
    seconds = forms.IntegerField(label="For how many seconds", help_text="How long an answer is good.")
    scope = forms.ChoiceField(label="Who shares answers", choices=SCOPES)
    threshold = forms.FloatField(
        label="How near a request must mean the same",
        help_text="0.5 to 1; 0.98 is careful. Words that matter must be the same besides.",
        widget=forms.NumberInput({"step": "0.01", "min": "0.5", "max": "1"}),
    )
    personal = forms.ChoiceField(label="Where personal data is found", choices=ACTIONS)
    secrets = forms.ChoiceField(label="Where a secret is found", choices=ACTIONS)
    phrases = forms.ChoiceField(label="Where a denied phrase is found", choices=ACTIONS)
    denied = forms.CharField(
        label="Denied phrases",
        help_text="One a line, whatever the case of its letters.",
        required=False,
        max_length=80_000,
        widget=forms.Textarea({"rows": 3}),
    )
    input_characters = whole("Most characters of a request")
    output_characters = whole("Most characters of an answer")
    bedrock_guardrail = forms.CharField(
        label="Guardrail of Bedrock", help_text="id:version, put on every call to Bedrock.", required=False, max_length=300
    )
    content_days = forms.IntegerField(
        label="Keep what is said for how many days",
        help_text="Redacted. 0: it is not kept, which is the default.",
        error_messages={"invalid": "Enter a whole number of days; 0 keeps nothing."},
    )

    @classmethod
    def of(cls, policy: Policy) -> "HandlingForm":
        """The form that shows a policy as it is."""
        flags = policy.caching.exact, policy.caching.semantic
        shown = {**asdict(policy.caching), **asdict(policy.guard), "content_days": policy.content_days}
        cache = next(name for name, each in KINDS.items() if each == flags)
        return cls(initial={**shown, "cache": cache, "denied": "\n".join(policy.guard.denied)})

    def applied(self, policy: Policy) -> Policy:
        """The policy with what was filled in."""
        known: dict[str, Any] = self.cleaned_data
        exact, semantic = KINDS[known["cache"]]
        caching = replace(
            policy.caching,
            exact=exact,
            semantic=semantic,
            threshold=known["threshold"],
            seconds=known["seconds"],
            scope=CacheScope(known["scope"]),
        )
        guard = replace(
            policy.guard,
            **{name: Action(known[name]) for name in ("personal", "secrets", "phrases")},
            denied=lines_of(known["denied"]),
            input_characters=known["input_characters"],
            output_characters=known["output_characters"],
            bedrock_guardrail=known["bedrock_guardrail"].strip() or None,
        )
        return replace(policy, caching=caching, guard=guard, content_days=known["content_days"])


def lines_of(text: str) -> tuple[str, ...]:
    """The lines that hold something."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())
