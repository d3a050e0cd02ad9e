"""Which of the catalogue's models an account may call at Bedrock in a region, before anything is deployed there."""

from collections.abc import Iterator

from apps.invocation.adapters import access, lifecycles
from apps.invocation.catalogue import shipped
from apps.invocation.ports import Connection
from foundation.doctor import Finding
from foundation.errors import Problem

ASK = "Open Amazon Bedrock, Model catalog, in this region, and ask for it or send its form: docs/deploy.md, Models of Bedrock."
CHOOSE = "Choose another BedrockRegion, or add models that the region has: `manage.py models add`."


def findings(region: str) -> Iterator[Finding]:
    """Of each model of Bedrock in the catalogue that is shipped: whether the region has it, and the account may call it.

    One that the region has no more is told of and is no fault: old names stay in the catalogue, and answer why they fail.
    """
    place = Connection("bedrock", region=region)
    ids = sorted({model.id for model in shipped() if model.provider == "bedrock"})
    try:
        known = lifecycles(place)
        there = [each for each in ids if each in known and known[each].state != "retired"]
        barred = access(place, there)
    except Problem as problem:
        yield Finding("models", False, problem.reason, ASK)
        return
    text = f"{region} has {len(there)} of the {len(ids)} Bedrock models of the catalogue"
    yield Finding("models", bool(there), text, "" if there else CHOOSE)
    for each in there:
        yield Finding(f"model {each}", each not in barred, barred.get(each, "may be called"), ASK if each in barred else "")
