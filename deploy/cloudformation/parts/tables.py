"""A DynamoDB table for each record: keys and indexes by the adapter's own rule, restorable, encrypted, kept."""

from troposphere import Ref
from troposphere.dynamodb import PointInTimeRecoverySpecification, SSESpecification, Table, TimeToLiveSpecification

from deploy.cloudformation.common import PROTECTED, tags
from deploy.cloudformation.frame import logical
from deploy.cloudformation.names import table_name
from foundation.adapters.aws import tables
from foundation.records import Record


def table(kind: type[Record]) -> Table:
    """The table of a record."""
    made = Table.from_dict(logical("table", kind.kind.table), tables.properties(kind))
    made.TableName = table_name(kind)
    made.DeletionProtectionEnabled = True
    made.PointInTimeRecoverySpecification = PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True)
    made.SSESpecification = SSESpecification(SSEEnabled=True, SSEType="KMS", KMSMasterKeyId=Ref("DataKeyArn"))
    made.TimeToLiveSpecification = TimeToLiveSpecification(AttributeName=tables.table_of(kind).ttl, Enabled=True)
    made.Tags = tags(kind.kind.table)
    made.resource.update(PROTECTED)
    return made
