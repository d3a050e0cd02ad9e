"""What browsers reach: the portal and nothing else, behind exactly one firewall, wherever the deployment is."""

import json
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from deploy.cloudformation.generate import FOLDER
from deploy.cloudformation.resolved import deployment, resolved
from tests.deploy.functions import called
from tests.deploy.reading import holds, resources, said, template
from tests.servers.moto import Moto
from tests.servers.registries import ran
from tests.servers.starting import needed

GIVEN = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/of-the-company/1"
TOPIC = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}},
    "Outputs": {"FirewallArn": {"Value": {"Ref": "Topic"}}},
}


def behaviours() -> list[str]:
    """The path patterns that CloudFront passes to the load balancer."""
    (made,) = resources("front.json", "AWS::CloudFront::Distribution").values()
    return [each["PathPattern"] for each in made["DistributionConfig"]["CacheBehaviors"]]


def test_browsers_reach_the_portal_and_no_application_path() -> None:
    for path in Client().get("/openapi.json").json()["paths"]:
        reached = any(fnmatchcase(path, pattern) for pattern in behaviours())
        assert reached == path.startswith(("/admin/", "/service/health")), path
    assert {"/", "/static/*", "/docs"} <= {*behaviours()}


def asks_first(behaviour: dict[str, Any]) -> str:
    """The function that CloudFront asks before a request of a behaviour goes on."""
    (asked,) = behaviour["FunctionAssociations"]
    assert asked["EventType"] == "viewer-request"
    name: str = asked["FunctionARN"]["Fn::GetAtt"][0]
    return name


def test_what_is_not_the_portals_is_answered_before_the_load_balancer_and_all_else_passes_the_door() -> None:
    (made,) = resources("front.json", "AWS::CloudFront::Distribution").values()
    assert asks_first(made["DistributionConfig"]["DefaultCacheBehavior"]) == "Nobody"
    assert {asks_first(each) for each in made["DistributionConfig"]["CacheBehaviors"]} == {"Door"}


def at_the_door(uri: str, tls: str | None) -> dict[str, Any]:
    """What the door says to a request: an answer, or the request itself."""
    needed(bool(shutil.which("node")), "this needs Node (on Debian: apt-get install nodejs)")
    headers = {"host": {"value": "x"}, **({"cloudfront-viewer-tls": {"value": tls}} if tls else {})}
    event = {"request": {"method": "GET", "uri": uri, "headers": headers}}
    code = resources("front.json", "AWS::CloudFront::Function")["Door"]["FunctionCode"]
    said = ran(["node", "-e", f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(event)})))"], FOLDER)
    answered: dict[str, Any] = json.loads(said)
    return answered


@pytest.mark.parametrize("uri", ["/", "/admin"])
def test_the_bare_address_leads_to_the_portals_home(uri: str) -> None:
    answer = at_the_door(uri, "TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake")
    assert (answer["statusCode"], answer["headers"]["location"]["value"]) == (302, reverse("portal-dashboard"))


@pytest.mark.parametrize(
    ("tls", "passes"),
    [
        ("TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake", True),
        ("TLSv1.2:ECDHE-RSA-AES128-GCM-SHA256:sessionResumed", True),
        (None, True),  # AWS says no protocol: nobody is shut out for that
        ("TLSv1.1:ECDHE-RSA-AES128-SHA:fullHandshake", False),
        ("TLSv1:AES128-SHA:fullHandshake", False),
        ("SSLv3:AES128-SHA:fullHandshake", False),
    ],
)
def test_old_tls_goes_no_further_than_the_door_whatever_the_certificate(tls: str | None, passes: bool) -> None:
    answer = at_the_door("/admin/", tls)
    assert ("statusCode" not in answer and answer["uri"] == "/admin/") if passes else answer["statusCode"] == 403
    (made,) = resources("front.json", "AWS::CloudFront::Distribution").values()
    assert made["DistributionConfig"]["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    told = {each["OriginRequestPolicyId"] for each in made["DistributionConfig"]["CacheBehaviors"]}
    assert told == {"33f36d7e-f396-46d9-90e0-52428a34d9dc"}  # AWS's AllViewerAndCloudFrontHeaders-2022-06 names the protocol


@pytest.mark.parametrize("countries", ["CU,IR,KP", "XX", ""])
def test_countries_are_refused_as_asked_and_nobody_where_none_is_named(countries: str) -> None:
    front = deployment(RefusedCountries=countries)["front.json"]["Resources"]
    restricted = front["Distribution"]["Properties"]["DistributionConfig"]["Restrictions"]["GeoRestriction"]
    refused = {"RestrictionType": "blacklist", "Locations": countries.split(",")}
    assert restricted == (refused if countries else {"RestrictionType": "none"})


def test_only_static_files_are_kept() -> None:
    (made,) = resources("front.json", "AWS::CloudFront::Distribution").values()
    kept = [b["PathPattern"] for b in made["DistributionConfig"]["CacheBehaviors"] if not isinstance(b["CachePolicyId"], str)]
    assert kept == ["/static/*"]


@pytest.mark.parametrize(
    ("region", "given", "expected"),
    [
        ("us-east-1", "", {"Firewall"}),
        ("us-west-2", "", {"FirewallThere"}),
        ("us-east-1", GIVEN, set()),
        ("us-west-2", GIVEN, set()),
    ],
)
def test_there_is_one_firewall_and_it_is_of_us_east_1(region: str, given: str, expected: set[str]) -> None:
    known = {"AWS::Region": region, "FrontFirewallArn": given, "PortalDomain": "", "BalancerScheme": "http"}
    made = {
        name
        for name, each in template("front.json")["Resources"].items()
        if each["Type"] in ("AWS::WAFv2::WebACL", "AWS::CloudFormation::CustomResource")
        and holds("front.json", each["Condition"], known)
    }
    assert made == expected
    assert resources("front.json", "AWS::CloudFormation::CustomResource")["FirewallThere"]["Region"] == "us-east-1"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cloudfront_has_one_private_way_and_goes_it_by_the_scheme_of_the_balancer(scheme: str) -> None:
    made = resolved(template("front.json"), {"BalancerScheme": scheme})["Resources"]
    ((name, way),) = ((name, each) for name, each in made.items() if each["Type"] == "AWS::CloudFront::VpcOrigin")
    assert way["Properties"]["VpcOriginEndpointConfig"]["OriginProtocolPolicy"] == f"{scheme}-only"
    origins = made["Distribution"]["Properties"]["DistributionConfig"]["Origins"]
    assert origins
    assert all(each["VpcOriginConfig"]["VpcOriginId"] == {"Fn::GetAtt": [name, "Id"]} for each in origins)


def test_the_firewall_made_elsewhere_is_the_template_front_waf() -> None:
    (asked,) = resources("front.json", "AWS::CloudFormation::CustomResource").values()
    assert json.loads(asked["Template"]) == template("front-waf.json")
    assert {*asked["Parameters"]} == {*template("front-waf.json")["Parameters"]}


def test_both_firewalls_have_the_same_rules() -> None:
    (here,), (there,) = (resources(file, "AWS::WAFv2::WebACL").values() for file in ("front.json", "front-waf.json"))
    assert {**here, "Name": None, "Tags": None} == {**there, "Name": None, "Tags": None}
    assert said(here["Name"]) == "d-us-west-2-front"
    assert said(there["Name"]) == "d-${DeploymentRegion}-front"


def test_deployments_of_one_name_in_two_regions_have_nothing_of_one_name() -> None:
    worldwide = {
        "AWS::CloudFront::CachePolicy": ("CachePolicyConfig", "Name"),
        "AWS::CloudFront::Function": ("Name",),
        "AWS::CloudFront::ResponseHeadersPolicy": ("ResponseHeadersPolicyConfig", "Name"),
        "AWS::CloudFront::VpcOrigin": ("VpcOriginEndpointConfig", "Name"),
        "AWS::WAFv2::WebACL": ("Name",),
        "AWS::CloudFormation::CustomResource": ("StackName",),
    }
    for kind, place in worldwide.items():
        made = [*resources("front.json", kind).values()]
        assert made
        for value in made:
            for each in place:
                value = value[each]
            assert "us-west-2" in said(value), kind
    (budget,) = resources("observability.json", "AWS::Budgets::Budget").values()
    assert "BudgetName" not in budget["Budget"]  # AWS finds one


@pytest.fixture
def asked() -> Iterator[dict[str, Any]]:
    """A stack that moto can make, in the place of the firewall's."""
    yield {"Region": "us-east-1", "StackName": "d-front-waf", "Template": json.dumps(TOPIC), "Parameters": {}}


def test_a_stack_elsewhere_is_made_once_updated_and_removed(moto: Moto, asked: dict[str, Any]) -> None:
    with moto.reached():
        made = called("elsewhere.py", "Create", asked)
        assert (made.status, made.resource, made.told["FirewallArn"].split(":")[3]) == ("SUCCESS", "d-front-waf", "us-east-1")
        assert called("elsewhere.py", "Create", asked) == made
        assert called("elsewhere.py", "Update", asked) == made
        changed = {**asked, "Template": json.dumps({**TOPIC, "Outputs": {"FirewallArn": {"Value": "other"}}})}
        assert called("elsewhere.py", "Update", changed).told == {"FirewallArn": "other"}
        assert called("elsewhere.py", "Delete", asked).status == "SUCCESS"
        assert called("elsewhere.py", "Delete", asked).status == "SUCCESS"


def test_what_cannot_be_made_elsewhere_is_told_with_its_reason(moto: Moto, asked: dict[str, Any]) -> None:
    with moto.reached():
        refused = called("elsewhere.py", "Create", {**asked, "StackName": "d-refused", "Template": "{"})
    assert (refused.status, refused.resource) == ("FAILED", "d-refused")
    assert "d-refused in us-east-1: " in refused.reason
