"""What judges the calls of the journey does judge: a need outside of a statement is not allowed."""

import pytest

from deploy.cloudformation.grants import Grant
from tests.servers.aws_calls import Need
from tests.servers.policies import allowed, unused

KEY = "arn:aws:kms:us-west-2:1:key/data"
THROUGH = {"StringLike": {"kms:ViaService": ["s3.*.amazonaws.com"]}}
STATEMENTS = (
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::files/chunks/*"]},
    {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [KEY], "Condition": THROUGH},
)


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Need("s3:GetObject", "arn:aws:s3:::files/chunks/a/b.json"), True),
        (Need("s3:getobject", "arn:aws:s3:::files/chunks/a"), True),
        (Need("s3:GetObject", "arn:aws:s3:::files/uploads/a"), False),
        (Need("s3:GetObject", "arn:aws:s3:::other-files/chunks/a"), False),
        (Need("s3:PutObject", "arn:aws:s3:::files/chunks/a"), False),
        (Need("kms:Decrypt", KEY, "s3.us-west-2.amazonaws.com"), True),
        (Need("kms:Decrypt", KEY, "sqs.us-west-2.amazonaws.com"), False),
        (Need("kms:Decrypt", KEY), False),
    ],
)
def test_only_what_a_statement_says_is_allowed(need: Need, expected: bool) -> None:
    assert allowed(STATEMENTS, need) is expected


def test_a_condition_that_is_not_known_is_not_passed_over() -> None:
    statement = {**STATEMENTS[0], "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}
    with pytest.raises(ValueError, match="aws:SourceAccount"):
        allowed([statement], Need("s3:GetObject", "arn:aws:s3:::files/chunks/a"))


def test_a_grant_that_nothing_needed_is_found() -> None:
    some = [Grant("s3:GetObject", "${Bucket}/chunks/*", "read", "x"), Grant("s3:PutObject", "${Bucket}/chunks/*", "write", "x")]
    needs = [Need("s3:GetObject", "arn:aws:s3:::files/chunks/a")]
    assert [grant.reason for grant in unused(some, needs, {"Bucket": "arn:aws:s3:::files"})] == ["write"]
