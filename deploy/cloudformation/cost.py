"""docs/cost.md: what a deployment costs a month while nobody uses it, from its templates and a table of prices."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation import prices
from deploy.cloudformation.pages import table, wrapped
from deploy.cloudformation.parity import originals
from deploy.cloudformation.prices import Price
from deploy.cloudformation.resolved import deployment

Resources = Mapping[str, Mapping[str, Any]]  # by logical id, of a whole deployment
Paid = Iterator[tuple[Price, float]]

SMALLEST_GB: Final = {"valkey": 0.1, "redis": 1.0}  # for which a serverless cache is billed at least
INSIGHTS: Final = {"cluster": 13, "service": 15, "task family": 10}  # metrics that Container Insights keeps of each
CLASSIC_OCUS: Final = 2.0  # half a one twice for indexing, half a one twice for searching: a classic collection's least


def _task(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    wanted = [
        made["Properties"]["MinCapacity"]
        for made in all_of.values()
        if made["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget"
        and f"${{{name}.Name}}" in str(made["Properties"]["ResourceId"])
    ]
    count = wanted[0] if wanted else properties.get("DesiredCount", 1)
    task = all_of[properties["TaskDefinition"]["Ref"]]["Properties"]
    if count:
        yield prices.VCPU, count * int(task["Cpu"]) / 1024
        yield prices.MEMORY, count * int(task["Memory"]) / 1024


def _endpoint(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    if properties.get("VpcEndpointType", "Interface") == "Interface":
        yield prices.ENDPOINT, len(properties["SubnetIds"])


def _cache(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    engine = properties["Engine"]
    yield (prices.VALKEY if engine == "valkey" else prices.REDIS), SMALLEST_GB[engine]


def _capacity(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    limits = properties["CapacityLimits"]
    yield prices.OCU, limits["MinIndexingCapacityInOcu"] + limits["MinSearchCapacityInOcu"]


def _collection(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    if "CollectionGroupName" not in properties:
        yield prices.OCU, CLASSIC_OCUS


def _firewall(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    yield prices.ACL, 1
    yield prices.RULE, len(properties["Rules"])


def _alarm(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    measured = [each for each in properties.get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in each]
    yield prices.ALARM, len(measured)


def _insights(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
    settings = {each["Name"]: each["Value"] for each in properties.get("ClusterSettings", [])}
    if settings.get("containerInsights", "disabled") != "disabled":
        services = sum(made["Type"] == "AWS::ECS::Service" for made in all_of.values())
        yield prices.METRIC, INSIGHTS["cluster"] + services * (INSIGHTS["service"] + INSIGHTS["task family"])


def _one(price: Price) -> Callable[[str, Mapping[str, Any], Resources], Paid]:
    def paid(name: str, properties: Mapping[str, Any], all_of: Resources) -> Paid:
        yield price, 1

    return paid


PAID: Final[Mapping[str, Callable[[str, Mapping[str, Any], Resources], Paid]]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _one(prices.DASHBOARD),
    "AWS::EC2::EIP": _one(prices.ADDRESS),
    "AWS::EC2::NatGateway": _one(prices.NAT),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ECS::Cluster": _insights,
    "AWS::ECS::Service": _task,
    "AWS::ElastiCache::ServerlessCache": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _one(prices.BALANCER),
    "AWS::KMS::Key": _one(prices.KEY),
    "AWS::OpenSearchServerless::Collection": _collection,
    "AWS::OpenSearchServerless::CollectionGroup": _capacity,
    "AWS::OpenSearchServerless::VpcEndpoint": _endpoint,
    "AWS::SecretsManager::Secret": _one(prices.SECRET),
    "AWS::WAFv2::WebACL": _firewall,
}
FREE: Final = (  # services whose resources cost nothing while nobody uses them, beside those above
    *("ApiGateway", "ApiGatewayV2", "ApplicationAutoScaling", "Backup", "Budgets", "CloudFormation", "CloudFront", "CodeBuild"),
    *("Cognito", "DynamoDB", "EC2", "ECR", "ECS", "ElastiCache", "ElasticLoadBalancingV2", "Events", "IAM", "KMS", "Lambda"),
    *("Logs", "OpenSearchServerless", "S3", "SNS", "SQS", "SecretsManager", "WAFv2"),
)


def ours(profile: str) -> Resources:
    """Every resource of a deployment in us-east-1 with this profile and all other answers at their defaults."""
    stacks = [template["Resources"] for template in deployment(CostProfile=profile).values()]
    known = {name: made for resources in stacks for name, made in resources.items()}
    if len(known) < sum(map(len, stacks)):
        raise ValueError("two stacks have a resource of one logical id")
    return known


def original(*, vectors: bool) -> Resources:
    """Every resource of the original; `vectors`: with the collection that its service makes for the first store of vectors."""
    known = {each.id: {"Type": each.type, "Properties": each.properties} for each in originals()}
    made = {"Classic": {"Type": "AWS::OpenSearchServerless::Collection", "Properties": {}}} if vectors else {}
    return {**known, **made}


def bill(resources: Resources) -> Mapping[Price, float]:
    """How much of each price a deployment has. A resource of a service that no table knows is a ValueError."""
    amounts: dict[Price, float] = defaultdict(float)
    for name, made in resources.items():
        if made["Type"] in PAID:
            for price, amount in PAID[made["Type"]](name, made["Properties"], resources):
                amounts[price] += amount
        elif made["Type"].split("::")[1] not in FREE and not made["Type"].startswith("Custom::"):
            raise ValueError(f"{made['Type']} is neither priced nor known as free")
    return amounts


def total(bill_of: Mapping[Price, float]) -> float:
    """Dollars a month."""
    return sum(price.month * amount for price, amount in bill_of.items())


WHAT: Final = """In US dollars a month of 730 hours, in us-east-1, before taxes and free tiers. Computed by `manage.py
docs` from the templates, every condition resolved, and from the list prices below, as known on {date}
(`deploy/cloudformation/prices.py`). Elsewhere the log of the firewall before CloudFront has a key of its own, for a
dollar more. What is paid by use is left out: requests, tokens, pages, stored and moved bytes,
log lines, backups. What Cognito takes of who comes in stands at the end."""
AGAINST: Final = """The parameter `CostProfile` chooses between `Small`, the default, and `Production`. The original is
the AWS sample that [parity.md](parity.md) compares with, by the same computation. Its vector service makes a classic
collection with the first store of vectors: so only the last column has all that a deployment of ours has from the
start."""
RESULT: Final = """**Small costs {small:,.0f} a month: {before:.0%} of the original before it has vectors, {after:.0%}
of it with the same capabilities.**"""
PROFILES: Final = """In Small, each service runs one container, workers rest until a message waits for them, one NAT
gateway serves both zones, and vectors scale to nothing: a first search after ten idle minutes waits up to 30 s.
Production runs two containers of each service and one of each worker, has both zones' gateways, private endpoints,
searchers of vectors that stay, and Container Insights. One parameter each changes one line: `PrivateEndpoints` the
endpoints, `NatGateways` the gateways and their addresses; `Architecture` at ARM64 takes a fifth off the containers."""
LEAST: Final = """A serverless cache is billed for at least {valkey} GB of Valkey or {redis:g} GB of Redis OSS, a
classic collection for at least {ocus:g} OCUs. Container Insights keeps {service} metrics of a service, {task family} of
a task family and {cluster} of the cluster. An OCU of a collection that scales to nothing is taken at the price of a
classic one."""
CHECKED: Final = (
    """Each is AWS's list price as price guides of 2026 quote it; look at AWS's own page before you rely on a sum."""
)
BY_USE: Final = """Both pools of Cognito are of the tier Plus, for its protection against threats. Neither the tier nor the
tokens of clients have a free tier. Prices as known on {date}."""


def page() -> str:
    """The page, with one column for each deployment."""
    columns = {
        "Small": bill(ours("Small")),
        "Production": bill(ours("Production")),
        "original": bill(original(vectors=False)),
        "original with vectors": bill(original(vectors=True)),
    }
    used = [price for price in prices.ALL if any(price in each for each in columns.values())]
    small, production, before, after = (total(each) for each in columns.values())
    amounts = {"valkey": SMALLEST_GB["valkey"], "redis": SMALLEST_GB["redis"], "ocus": CLASSIC_OCUS, **INSIGHTS}
    parts = (
        "# What a deployment costs while nobody uses it",
        wrapped(WHAT.format(date=prices.DATE)),
        wrapped(AGAINST),
        wrapped(RESULT.format(small=small, before=small / before, after=small / after)),
        table(
            ("amount · dollars a month", *columns),
            [
                *([price.what, *(_shown(price, each) for each in columns.values())] for price in used),
                ["**all**", *(f"**{value:,.2f}**" for value in (small, production, before, after))],
            ],
        ),
        wrapped(PROFILES),
        wrapped(LEAST.format_map(amounts)),
        "## Prices",
        wrapped(CHECKED),
        table(("what", "dollars", "AWS's page"), [[price.what, price.quoted, price.listed] for price in used]),
        "## By use: who comes in",
        wrapped(BY_USE.format(date=prices.DATE)),
        table(
            ("what", "dollars", "when", "AWS's page"),
            [[price.what, price.quoted, price.when, price.listed] for price in prices.COGNITO],
        ),
    )
    return "\n\n".join(parts) + "\n"


def _shown(price: Price, bill_of: Mapping[Price, float]) -> str:
    amount = bill_of.get(price)
    return f"{amount:g} · {amount * price.month:,.2f}" if amount else ""
