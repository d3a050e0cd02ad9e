"""manage.py deploy-check after a deployment, against moto and a web server that stands for its endpoints."""

from collections.abc import Mapping
from typing import Any

from foundation import after_deployment
from tests.deploy.reading import template
from tests.foundation.deployment_in_moto import Endpoints, checked, deployment_of
from tests.servers.moto import Moto


def test_a_whole_deployment_is_good_in_every_output_and_every_service(told: Mapping[str, str]) -> None:
    name = deployment_of(told)
    code, found = checked("--after", name, "--deployment", name)
    assert [each for each in found.values() if not each["good"]] == []
    assert code == 0
    assert set(template("foundation.json")["Outputs"]) <= set(found)
    assert {"service model", "service prompt", "service vectorization", "tables", "queues"} <= set(found)


def test_what_is_wrong_is_told_with_a_remedy(told: Mapping[str, str], account: Moto, endpoints: Endpoints) -> None:
    name = deployment_of(told)
    endpoints.told |= {"/model/service/health": (503, {}), "/usage/service/health": (200, {"status": "DOWN"})}
    dynamodb: Any = account.client("dynamodb")
    dynamodb.delete_table(TableName=f"{name}-applications")
    s3: Any = account.client("s3")
    s3.put_public_access_block(Bucket=told["LogsBucket"], PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    code, found = checked("--after", name, "--deployment", name)
    assert code == 1
    wrong = {subject: each for subject, each in found.items() if not each["good"]}
    assert set(wrong) == {"service model", "service usage", "tables", "LogsBucket"}
    assert f"{name}-applications" in wrong["tables"]["text"] and "503" in wrong["service model"]["text"]
    assert all(each["remedy"] for each in wrong.values())


def test_a_raised_alarm_is_told_by_its_name(told: Mapping[str, str], account: Moto) -> None:
    name = deployment_of(told)
    cloudwatch: Any = account.client("cloudwatch")
    alarm = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Sum"}
    rule = {"ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [told["AlarmsTopicArn"]]}
    cloudwatch.put_metric_alarm(AlarmName=f"{name}-errors", **alarm, **rule)
    cloudwatch.set_alarm_state(AlarmName=f"{name}-errors", StateValue="ALARM", StateReason="a test")
    code, found = checked("--after", name, "--deployment", name)
    assert code == 1 and f"{name}-errors" in found["AlarmsTopicArn"]["text"]


def test_a_stack_that_is_not_there_is_told(account: Moto) -> None:
    code, found = checked("--after", "no-such-stack")
    assert code == 1 and [*found] == ["stack no-such-stack"]


def test_every_output_of_the_root_has_a_check() -> None:
    assert {output for output, *_ in after_deployment.BEHIND} | {"Scope"} == set(template("foundation.json")["Outputs"])
