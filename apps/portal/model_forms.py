"""What administrators say of a model: where it runs, what it costs, what it can."""

from typing import Any, Final

from django import forms
from msgspec.structs import replace

from apps.invocation.records import Deployment, Kind, Model, Prices

PROVIDERS: Final = (
    ("openai_compatible", "OpenAI, or a server that speaks its API (Ollama, vLLM)"),
    ("anthropic", "Anthropic"),
    ("bedrock", "Amazon Bedrock"),
)
PRICES: Final = ("input", "output", "cached", "cache_written")


def price(label: str, help_text: str = "") -> forms.FloatField:
    """A field for dollars for a million tokens."""
    return forms.FloatField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=0,
        error_messages={"invalid": "Enter a number of US dollars, for example 0.25.", "min_value": "A price is not below 0."},
    )


def tokens(label: str, help_text: str) -> forms.IntegerField:
    """A field for a number of tokens."""
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        error_messages={"invalid": "Enter a whole number of tokens."},
    )


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas or lines."""
    return tuple(name.strip() for name in text.replace("\n", ",").split(",") if name.strip())


class ModelForm(forms.Form):
    """What a model costs and can, whatever runs it."""

    input = price("Input", "US dollars for a million tokens that are read.")
    output = price("Output", "For a million tokens that are written.")
    cached = price("Input from the provider's cache", "Empty: as input.")
    cache_written = price("Input put into the provider's cache", "Empty: as input.")
    context_window = tokens("Context window", "The most tokens that it reads and writes together.")
    output_limit = tokens("Output limit", "The most tokens that it writes; more are never asked for.")
    aliases = forms.CharField(
        label="Other names",
        help_text="By which it can be called as well, separated by commas.",
        required=False,
        max_length=2000,
    )
    fallbacks = forms.CharField(
        label="Fallbacks",
        help_text="Models that answer when it cannot, in their order, separated by commas.",
        required=False,
        max_length=2000,
    )

    @classmethod
    def of(cls, model: Model) -> "ModelForm":
        """The form that shows a model as it is."""
        shown = {
            "context_window": model.context_window,
            "output_limit": model.output_limit,
            "aliases": ", ".join(model.aliases),
            "fallbacks": ", ".join(model.fallbacks),
        }
        return cls({**shown, **{name: getattr(model.prices, name) for name in PRICES}} if model.prices else shown)

    def clean(self) -> dict[str, Any]:
        """A price of output alone is no price."""
        known = self.cleaned_data
        if known.get("input") is None and any(known.get(name) is not None for name in PRICES[1:]):
            self.add_error("input", "Enter the price of input too; the others add to it.")
        return known

    def applied(self, model: Model) -> Model:
        """The model as the form has it."""
        known = self.cleaned_data
        prices = Prices(known["input"], known["output"] or 0, known["cached"], known["cache_written"])
        return replace(
            model,
            prices=None if known["input"] is None else prices,
            context_window=known["context_window"],
            output_limit=known["output_limit"],
            aliases=names(known["aliases"]),
            fallbacks=names(known["fallbacks"]),
        )


def seconds(label: str, help_text: str) -> forms.FloatField:
    """A field for a time limit."""
    return forms.FloatField(
        label=label,
        help_text=f"{help_text} Empty: as configured.",
        required=False,
        error_messages={"invalid": "Enter a number of seconds, for example 2.5."},
    )


class PlaceForm(forms.Form):
    """One place where a model runs."""

    provider = forms.ChoiceField(choices=PROVIDERS, label="Provider")
    id = forms.CharField(
        label="Id at the provider",
        help_text="For example gpt-4o-mini, llama3.2 or an inference profile of Bedrock.",
        max_length=300,
        error_messages={"required": "Enter the id by which the provider knows the model."},
    )
    base_url = forms.URLField(
        label="Server",
        help_text="Its base URL, for example http://127.0.0.1:11434/v1. Empty: as configured.",
        required=False,
        assume_scheme="https",
        error_messages={"invalid": "Enter a URL that begins with http:// or https://."},
    )
    region = forms.RegexField(
        "^[a-z0-9-]*$", label="AWS region", help_text="Of Bedrock only. Empty: as configured.", required=False, max_length=30
    )
    key = forms.CharField(
        label="Key",
        help_text="What the provider wants to be shown. It is kept as a secret, and never shown again. Empty: as configured.",
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    weight = forms.IntegerField(
        label="Weight",
        help_text="Its share among the places where the model runs. 0: only when the others fail.",
        min_value=0,
        max_value=1_000_000,
        required=False,
    )
    deployment = forms.CharField(
        label="Name of the place", help_text="Empty: as the provider is called.", required=False, max_length=100
    )

    first_token_seconds = seconds("Seconds to the first of a stream", "After them another place is asked.")
    idle_seconds = seconds("Seconds of silence in a stream", "After them the stream ends with an error.")
    answer_seconds = seconds("Seconds to a whole answer", "Of one try; after them another place is asked.")

    def placed(self, secret: str) -> Deployment:
        """The place that the form has; `secret` names its key, empty: it has none."""
        known = self.cleaned_data
        weight = known["weight"]
        return Deployment(
            known["deployment"] or known["provider"],
            known["provider"],
            known["id"],
            known["base_url"].rstrip("/"),
            known["region"],
            secret,
            1 if weight is None else weight,
            known["first_token_seconds"],
            known["idle_seconds"],
            known["answer_seconds"],
        )


class NewModelForm(PlaceForm):
    """A model to add, with the first place where it runs."""

    field_order = ("name", "kind")

    name = forms.CharField(
        label="Name",
        help_text="By which applications call it.",
        max_length=200,
        error_messages={"required": "Enter a name, for example the one that its provider gives it."},
    )
    kind = forms.ChoiceField(
        label="What it makes",
        choices=[(Kind.TEXT, "Text"), (Kind.EMBED, "Embeddings"), (Kind.RERANK, "An order of documents")],
    )

    def model(self, place: Deployment) -> Model:
        """The model that the form has."""
        known = self.cleaned_data
        return Model(known["name"], place.id, Kind(known["kind"]), place.provider, deployments=(place,))
