"""What the manifests declare is in the templates: stores, roles, containers, and who answers which path."""

import json
import re
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.portal.backend import callback_url
from apps.portal.configuration import django_settings
from deploy.cloudformation.grants import DEPLOYMENT, TABLE, Grant, grants
from deploy.cloudformation.house import Process
from deploy.cloudformation.resolved import deployment
from foundation.adapters.aws import names, queue_shape, tables
from foundation.apps import ApiKey, Foundation, KeyHolder, RegisteredClient, Session
from foundation.defaults import NeededOnAws
from foundation.settings import CHOSEN, Settings, read_settings
from tests.deploy.reading import PLATFORM, resources, said, template

OIDC = django_settings(CHOSEN)
LONGEST_INLINE = 10_240  # characters of all inline policies of a role, without white space


def role_of(process: Process) -> str:
    """The logical id of a process's role, by way of its task."""
    (task,) = (
        t for t in resources("services.json", "AWS::ECS::TaskDefinition").values() if said(t["Family"]) == f"d-{process.name}"
    )
    role: str = task["TaskRoleArn"]["Fn::GetAtt"][0]
    return role


def statements_of(role: str) -> list[dict[str, Any]]:
    """What a role in the template may do."""
    made = resources("services.json", "AWS::IAM::Role")[role]
    assert "ManagedPolicyArns" not in made
    return [statement for policy in made["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def pairs(grant: Grant) -> tuple[str, str]:
    """A grant as it is in a deployment."""
    return grant.action, said(grant.resource)


def test_every_record_has_its_table_by_the_adapters_own_rule() -> None:
    made = {said(each["TableName"]): each for each in resources("data.json", "AWS::DynamoDB::Table").values()}
    assert {*made} == {names.table_name("d", kind) for kind in PLATFORM.records}
    for kind in PLATFORM.records:
        table = made[names.table_name("d", kind)]
        assert {key: table.get(key) for key in tables.properties(kind)} == tables.properties(kind)
        assert table["TimeToLiveSpecification"] == {"AttributeName": tables.table_of(kind).ttl, "Enabled": True}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is True


def test_every_queue_has_its_own_and_the_one_of_its_dead_letters() -> None:
    made = {said(each["QueueName"]): each for each in resources("data.json", "AWS::SQS::Queue").values()}
    assert len(made) == 2 * len(PLATFORM.queues)
    for queue in PLATFORM.queues:
        own = made[names.queue_name("d", queue.name)]
        assert own["VisibilityTimeout"] == queue.visibility.total_seconds()
        assert own["RedrivePolicy"]["maxReceiveCount"] == queue_shape.most_deliveries(queue) > queue.attempts
        assert names.dead_queue_name("d", queue.name) in made


def test_files_of_a_folder_leave_after_its_days() -> None:
    bucket = resources("data.json", "AWS::S3::Bucket")["Files"]
    rules = {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in bucket["LifecycleConfiguration"]["Rules"]}
    declared = {f"{folder.name}/": folder.days for folder in PLATFORM.folders if folder.days}
    assert declared
    assert {**declared, None: None} == rules


@pytest.mark.parametrize("process", PLATFORM.processes, ids=lambda process: process.name)
def test_a_role_may_do_exactly_what_its_manifests_imply(process: Process) -> None:
    in_template = {
        (action, said(resource))
        for statement in statements_of(role_of(process))
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    assert in_template == {pairs(grant) for grant in grants(PLATFORM, process)}
    assert all("*" not in action for action, _ in in_template)


@pytest.mark.parametrize("process", PLATFORM.processes, ids=lambda process: process.name)
def test_a_role_is_short_enough_for_iam(process: Process) -> None:
    text = json.dumps(statements_of(role_of(process)), separators=(",", ":"))
    resolved = said(text.replace("${Deployment}", "a-deployment-of-names")).replace("${FilesBucketArn}", "x" * 70)
    assert len(resolved.replace('{"Fn::Sub":"', '"').replace('"}', '"')) < LONGEST_INLINE


def test_every_process_has_a_role_of_its_own() -> None:
    assert len({role_of(process) for process in PLATFORM.processes}) == len(PLATFORM.processes)


def test_an_action_of_one_worker_is_granted_to_that_worker_alone() -> None:
    may = {
        process.name for process in PLATFORM.processes for g in grants(PLATFORM, process) if g.action.startswith("textract:")
    }
    assert may == {"extraction-worker"}


def test_every_grant_has_a_reason_and_a_line_of_a_manifest() -> None:
    assert all(grant.reason and grant.source for process in PLATFORM.processes for grant in grants(PLATFORM, process))


def test_only_a_worker_takes_messages_and_only_from_its_own_queue() -> None:
    for process in (*PLATFORM.services, *PLATFORM.workers):
        taken = {said(g.resource).rpartition(":")[2] for g in grants(PLATFORM, process) if g.action == "sqs:ReceiveMessage"}
        assert taken == ({names.queue_name("d", process.queue.name)} if process.queue else set())


def container_of(process: Process) -> dict[str, Any]:
    """The one container of a process's task."""
    (task,) = (
        t for t in resources("services.json", "AWS::ECS::TaskDefinition").values() if said(t["Family"]) == f"d-{process.name}"
    )
    made: dict[str, Any] = task["ContainerDefinitions"][0]
    return made


def test_a_worker_is_told_its_queue_as_it_may_take_from_no_other() -> None:
    for process in PLATFORM.workers:
        assert process.queue is not None
        assert container_of(process)["Command"][-3:] == ["worker", "--queue", process.queue.name]


def test_what_runs_all_the_time_is_replaced_when_it_can_do_nothing_any_more() -> None:
    for process in PLATFORM.services:
        assert "/service/health" in container_of(process)["HealthCheck"]["Command"][-1]
    for process in PLATFORM.workers:
        assert container_of(process)["HealthCheck"]["Command"][-2:] == ["manage.py", "alive"]
    assert "HealthCheck" not in container_of(PLATFORM.operations)


@pytest.mark.parametrize("process", PLATFORM.processes, ids=lambda process: process.name)
def test_only_the_portal_and_operators_write_who_may_call_or_see_sessions_and_others_secrets(process: Process) -> None:
    may = {pairs(grant) for grant in grants(PLATFORM, process)}
    tables = {kind: TABLE.format(name=names.table_name(DEPLOYMENT, kind)) for kind in Foundation.records}
    own = {kind: {action for action, place in may if place == said(table)} for kind, table in tables.items()}
    secrets = {place.rpartition(":")[2] for action, place in may if action == "secretsmanager:GetSecretValue"}
    changes = {place.rpartition(":")[2] for action, place in may if action == "secretsmanager:PutSecretValue"}
    if process.name in ("portal", "operations"):
        assert all({"dynamodb:GetItem", "dynamodb:PutItem"} <= actions for actions in own.values())
        assert {"d/*_client_secret-*", "d/model-key-*"} <= changes <= {"d/*_client_secret-*", "d/model-key-*", "d/doctor-*"}
    else:
        reads = {"dynamodb:GetItem"}
        keys = reads if process.queue is None else set()  # nobody shows a key to a worker
        assert own == {RegisteredClient: reads, ApiKey: keys, KeyHolder: keys, Session: set()}
        assert secrets <= {"d/api_keys-*", "d/model-key-*"}
        assert changes == set()


def test_a_folder_that_is_only_read_is_not_written() -> None:
    workers = {process.name: process for process in PLATFORM.workers}
    may = {pairs(grant) for grant in grants(PLATFORM, workers["vectors-worker"])}
    assert {action for action, resource in may if "/chunks/" in resource} == {"s3:GetObject"}


def test_who_reaches_the_collection_is_who_may_call_it() -> None:
    (policy,) = resources("services.json", "AWS::OpenSearchServerless::AccessPolicy").values()
    roles = {
        f"${{{role_of(process)}.Arn}}"
        for process in PLATFORM.processes
        if any(grant.action.startswith("aoss:") for grant in grants(PLATFORM, process))
    }
    assert {*json.loads(said(policy["Policy"]))[0]["Principal"]} == roles != set()


@pytest.mark.parametrize(
    "task", resources("services.json", "AWS::ECS::TaskDefinition").values(), ids=lambda t: said(t["Family"])
)
def test_a_container_writes_to_its_volumes_alone_and_is_not_root(task: dict[str, Any]) -> None:
    (container,) = task["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] not in ("", "0", "root")
    assert {mount["ContainerPath"] for mount in container["MountPoints"]} == {"/data", "/tmp"}
    assert container["LinuxParameters"]["Capabilities"]["Drop"] == ["ALL"]


def told(task: dict[str, Any]) -> dict[str, Any]:
    """The environment of a task's container: what is said to it, and what comes from a secret."""
    (container,) = task["ContainerDefinitions"]
    (files,) = resources("services.json", "AWS::CloudFormation::CustomResource").values()
    said = {**files["All"], **files["Each"][container["Name"]]}
    given = [each["Fn::If"][1] if "Fn::If" in each else each for each in container["Secrets"]]
    secret = {each["Name"]: each["ValueFrom"] for each in given}
    assert not {*said} & {*secret}
    return {**said, **secret}


@pytest.mark.parametrize(("profile", "asked", "most"), [("Small", "0", 4), ("Production", "0", 20), ("Small", "50", 50)])
def test_containers_are_added_up_to_the_number_that_is_asked_for(profile: str, asked: str, most: int) -> None:
    made = deployment(CostProfile=profile, MostContainers=asked)["services.json"]["Resources"].values()
    scales = [each["Properties"] for each in made if each["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget"]
    assert {int(each["MaxCapacity"]) for each in scales} == {most}
    assert all(each["MinCapacity"] <= most for each in scales)


TASKS = resources("services.json", "AWS::ECS::TaskDefinition").values()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: said(task["Family"]))
def test_a_container_is_told_settings_alone_and_every_one_that_aws_needs(task: dict[str, Any]) -> None:
    known = {each.metadata["name"]: each.metadata["default"] for each in fields(Settings)}
    needed = {name for name, default in known.items() if isinstance(default, NeededOnAws)}
    assert needed <= {*told(task)} <= {*known}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: said(task["Family"]))
def test_a_container_starts_with_what_it_is_told(task: dict[str, Any]) -> None:
    examples = {
        "AWS_REGION": "us-west-2",
        "DEPLOYMENT": "foundation",
        "LOG_LEVEL": "INFO",
        "BEDROCK_REGION": "us-west-2",
        "MODEL_ALIASES": "",
        "TEXTRACT_JOBS": "100",
        "EXTRACTION_ENGINE": "textract",
        "FURTHER_SETTINGS": "USAGE_DAYS=90;OPENAI_BASE_URL=https://models.example.com/v1",
        **{name: "https://x.example" for name in told(task) if name.endswith(("_URL", "_DOMAIN"))},
        "REDIS_URL": "rediss://foundation-processes@cache.example:6379",
        "FURTHER_SECRETS": '{"OPENAI_API_KEY": "a key", "METRICS_TOKEN": ""}',
    }
    values = {name: value if isinstance(value, str) else examples.get(name, "x") for name, value in told(task).items()}
    read = read_settings(values)
    assert (read.platform, read.serve, str(read.journal_home)) == ("aws", (values["SERVE"],), "/data/journal")
    assert (read.usage_days, read.openai_base_url) == (90, "https://models.example.com/v1")
    assert (read.openai_api_key, read.metrics_token) == ("a key", "")
    assert read.applications_issuer == "https://cognito-idp.us-west-2.amazonaws.com/x"


def rules() -> dict[str, list[str]]:
    """The path patterns of each target group."""
    found: dict[str, list[str]] = {}
    for rule in resources("services.json", "AWS::ElasticLoadBalancingV2::ListenerRule").values():
        (condition,), (action,) = rule["Conditions"], rule["Actions"]
        assert len(condition["PathPatternConfig"]["Values"]) <= 5
        found.setdefault(action["TargetGroupArn"]["Ref"], []).extend(condition["PathPatternConfig"]["Values"])
    return found


def test_every_path_of_the_openapi_document_reaches_exactly_one_service() -> None:
    paths = Client().get("/openapi.json").json()["paths"]
    served = [path for path in paths if not path.startswith(("/oauth2", "/login", "/logout", "/local_", "/metrics"))]
    assert len(served) > 30
    for path in served:
        reached = {target for target, some in rules().items() if any(fnmatchcase(path, each) for each in some)}
        assert len(reached) == 1, (path, reached)


def test_no_two_rules_have_one_priority_and_every_target_group_has_a_service() -> None:
    made = [rule["Priority"] for rule in resources("services.json", "AWS::ElasticLoadBalancingV2::ListenerRule").values()]
    assert len({*made}) == len(made)
    behind = {
        balanced["TargetGroupArn"]["Ref"]
        for service in resources("services.json", "AWS::ECS::Service").values()
        for balanced in service.get("LoadBalancers", [])
    }
    assert behind == {*rules()} == {*resources("services.json", "AWS::ElasticLoadBalancingV2::TargetGroup")}


def test_the_portals_client_leads_back_to_where_the_portal_signs_people_in_and_out() -> None:
    (client,) = resources("identity.json", "AWS::Cognito::UserPoolClient").values()
    portal = CHOSEN.public_url
    at = [said(url).replace("${PortalUrl}", portal) for url in (*client["CallbackURLs"], *client["LogoutURLs"])]
    assert at == [callback_url(), portal + reverse("portal-dashboard")]
    assert {*OIDC["OIDC_RP_SCOPES"].split()} <= {*client["AllowedOAuthScopes"]}
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)
    assert (OIDC["OIDC_USE_PKCE"], OIDC["OIDC_RP_CLIENT_SECRET"]) == (True, "")


def test_no_bucket_that_others_log_into_has_object_lock_as_s3_then_writes_nothing_there() -> None:
    buckets = resources("data.json", "AWS::S3::Bucket")
    into = {
        each["LoggingConfiguration"].get("DestinationBucketName", {"Ref": name})["Ref"]  # without a name, into itself
        for name, each in buckets.items()
    }
    assert into == {"Logs"}
    assert [name for name, each in buckets.items() if each.get("ObjectLockEnabled")] == ["Files"]


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("foundation", True),
        ("a1-b", True),
        ("my-aws", False),  # Cognito refuses these words in a domain
        ("amazonia", False),
        ("cognitor", False),
        ("a--b", False),  # ElastiCache refuses it in the names of users
        ("internal-x", False),  # a load balancer's name cannot begin so
        ("ab", False),
        ("a-", False),
    ],
)
def test_a_deployment_cannot_have_a_name_that_a_resource_of_it_cannot_bear(name: str, good: bool) -> None:
    asked = template("foundation.json")["Parameters"]["Deployment"]
    assert bool(re.fullmatch(asked["AllowedPattern"], name)) is good
    assert re.fullmatch(asked["AllowedPattern"], asked["Default"])
