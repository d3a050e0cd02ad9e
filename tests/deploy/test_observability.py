"""What an administrator is told: each queue and each service is watched, and every message finds its way."""

import json
import re
from typing import Any

import pytest
from django.core.management import load_command_class
from moto.events.models import EventPattern

from foundation.adapters.aws import names
from tests.deploy.reading import NESTED, PLATFORM, SINGLE, resources, said, template

ALARMS = resources("observability.json", "AWS::CloudWatch::Alarm")


def watched() -> set[tuple[str, ...]]:
    """Each metric that an alarm looks at, with the values of its dimensions in their order."""
    found = set()
    for alarm in ALARMS.values():
        for query in alarm["Metrics"]:
            if "MetricStat" in query:
                metric = query["MetricStat"]["Metric"]
                values = (
                    said(value) if "Fn::Sub" in value else value["Ref"] for value in (d["Value"] for d in metric["Dimensions"])
                )
                found.add((metric["MetricName"], *values))
    return found


@pytest.mark.parametrize("queue", PLATFORM.queues, ids=lambda queue: queue.name)
def test_a_queue_is_watched_for_dead_letters_and_for_standing_still(queue: Any) -> None:
    assert ("ApproximateNumberOfMessagesVisible", names.dead_queue_name("d", queue.name)) in watched()
    assert ("ApproximateAgeOfOldestMessage", names.queue_name("d", queue.name)) in watched()


@pytest.mark.parametrize("process", PLATFORM.services, ids=lambda process: process.name)
def test_a_service_is_watched_for_failures_slowness_and_silence(process: Any) -> None:
    about = {metric for metric, *values in watched() if values[:1] == [f"{process.name.capitalize()}TargetsName"]}
    assert about == {"HTTPCode_Target_5XX_Count", "TargetResponseTime", "UnHealthyHostCount"}


def test_what_aws_refuses_as_too_many_is_watched() -> None:
    asked = [query["Expression"] for alarm in ALARMS.values() for query in alarm["Metrics"] if "Expression" in query]
    assert {text.partition('SCHEMA("')[2].partition('"')[0] for text in asked} == {
        "AWS/DynamoDB",
        "AWS/Textract",
        "AWS/Bedrock",
    }


RULES = resources("observability.json", "AWS::Events::Rule")


@pytest.mark.parametrize("said_by_aws", ["RotationFailed", "RotationAbandoned", "RotationSucceeded"])
@pytest.mark.parametrize("secret", ["ours", "another"])
def test_a_rotation_of_the_keys_that_sign_whose_function_was_not_even_called_is_told(said_by_aws: str, secret: str) -> None:
    pattern = json.dumps(RULES["NotRotated"]["EventPattern"]).replace('{"Ref": "SigningKeysSecretArn"}', '"ours"')
    detail = {"eventName": said_by_aws, "additionalEventData": {"SecretId": secret}}
    event = {"source": "aws.secretsmanager", "detail-type": "AWS Service Event via CloudTrail", "detail": detail}
    told = EventPattern.load(pattern).matches_event(event)
    assert told == (secret == "ours" and said_by_aws != "RotationSucceeded")
    assert ("TriggeredRules", "NotRotated") in watched()


@pytest.mark.parametrize("state", ["CREATED", "RUNNING", "COMPLETED", "FAILED", "EXPIRED", "ABORTED"])
@pytest.mark.parametrize("vault", ["ours", "another"])
def test_a_backup_that_was_not_made_is_told(state: str, vault: str) -> None:
    (ours,) = resources("backup.json", "AWS::Backup::BackupVault").values()
    pattern = json.dumps(RULES["NotBackedUp"]["EventPattern"]).replace(json.dumps(ours["BackupVaultName"]), '"ours"')
    detail = {"state": state, "backupVaultName": vault}
    event = {"source": "aws.backup", "detail-type": "Backup Job State Change", "detail": detail}
    told = EventPattern.load(pattern).matches_event(event)
    assert told == (vault == "ours" and state in {"FAILED", "EXPIRED", "ABORTED"})
    assert ("TriggeredRules", "NotBackedUp") in watched()


def test_the_message_of_an_alarm_names_logs_parameters_and_commands_that_exist() -> None:
    logs = {said(group["LogGroupName"]) for file in NESTED for group in resources(file, "AWS::Logs::LogGroup").values()}
    command = load_command_class("foundation", "jobs").create_parser("manage.py", "jobs")
    for name, alarm in ALARMS.items():
        message = said(alarm["AlarmDescription"])
        assert "${" not in message, name
        assert {*re.findall(r"log group (\S+)", message)} <= logs, name
        for asked in re.findall(r"`manage.py jobs (.+?)`", message):
            assert command.parse_args(asked.split()).queue in {queue.name for queue in PLATFORM.queues}
        assert re.search(r"log group|MostContainers|Service Quotas|AWS Backup|again on the same day", message), name
    assert "MostContainers" in template("foundation.json")["Parameters"]


def test_every_alarm_and_its_end_is_sent_to_the_administrator() -> None:
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}] for alarm in ALARMS.values())
    (sent,) = resources("observability.json", "AWS::SNS::Subscription").values()
    assert sent == {"TopicArn": {"Ref": "Alarms"}, "Protocol": "email", "Endpoint": {"Ref": "AdministratorEmail"}}


def test_alarms_may_be_published_to_the_encrypted_topic() -> None:
    (topic,) = resources("observability.json", "AWS::SNS::Topic").values()
    (policy,) = resources("observability.json", "AWS::SNS::TopicPolicy").values()
    publishes, only_tls = policy["PolicyDocument"]["Statement"]
    assert topic["KmsMasterKeyId"] == {"Ref": "DataKeyArn"}
    assert (publishes["Effect"], publishes["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert (only_tls["Effect"], only_tls["Principal"]) == ("Deny", "*")


def services(statements: list[dict[str, Any]]) -> set[str]:
    """The services of AWS that statements let in."""
    named = [each["Principal"]["Service"] for each in statements if "Service" in each["Principal"]]
    return {name for each in named for name in ([each] if isinstance(each, str) else each)}


def test_a_service_of_aws_that_publishes_to_an_encrypted_topic_may_use_its_key_and_no_other_does() -> None:
    made = [each for file in NESTED for each in resources(file, "AWS::SNS::TopicPolicy").values()]
    publish = {name for each in made for name in services(each["PolicyDocument"]["Statement"])}
    key = resources("keys.json", "AWS::KMS::Key")["DataKey"]["KeyPolicy"]["Statement"]
    assert services(key) == publish == {"cloudwatch.amazonaws.com", "s3.amazonaws.com"}


def test_the_dashboard_is_what_cloudwatch_reads() -> None:
    (made,) = resources("observability.json", "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(said(made["DashboardBody"]))["widgets"]
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24
        assert widget["properties"]["region"] == "us-west-2"
        assert all(isinstance(metric[-1], dict) for metric in widget["properties"]["metrics"])
        assert widget["properties"]["metrics"]


@pytest.mark.parametrize("file", SINGLE)
def test_every_log_ends_after_its_days_and_is_encrypted_by_a_key_of_the_deployment_in_its_region(file: str) -> None:
    for name, group in resources(file, "AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == {"Ref": "LogDays"}, name
        own = {"Fn::GetAtt": ["LogsKey", "Arn"]}
        assert group["KmsKeyId"] == (own if file == "front-waf.json" else {"Ref": "LogsKeyArn"}), name
