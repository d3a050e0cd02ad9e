"""Rotates the keys that sign, in the four steps of Secrets Manager, and has containers start anew with them.

A new key is known to all for one rotation before it signs, and for one after it did: so containers that have the former keys
and containers that have the new ones accept each other's signatures while the ones replace the others.
"""

import json
import os
import secrets

import boto3

LENGTH = 48  # bytes of a new key
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"


def handler(event, context):
    """One step of a rotation; a repeat changes nothing."""
    store = boto3.client("secretsmanager")
    STEPS[event["Step"]](store, event["SecretId"], event["ClientRequestToken"])


def create(store, secret, version):
    """The new version: the key that was next signs, the one that signed is good still, and another is next."""
    try:
        read(store, secret, VersionId=version, VersionStage=PENDING)
    except store.exceptions.ResourceNotFoundException:
        text = json.dumps(following(read(store, secret, VersionStage=CURRENT)))
        store.put_secret_value(SecretId=secret, ClientRequestToken=version, SecretString=text, VersionStages=[PENDING])


def following(keys):
    """What comes after some keys; the first time there is no next one, and the one that signs stays."""
    signs, others = keys["SECRET_KEY"], keys["SECRET_KEY_FALLBACKS"]
    new = secrets.token_urlsafe(LENGTH)
    if not others:
        return {"SECRET_KEY": signs, "SECRET_KEY_FALLBACKS": new}
    return {"SECRET_KEY": others.partition(",")[0], "SECRET_KEY_FALLBACKS": f"{new},{signs}"}


def tell(store, secret, version):
    """Nothing: no other server knows these keys."""


def test(store, secret, version):
    """Fails unless who has the one version accepts what the other signs, both ways."""
    some = read(store, secret, VersionStage=CURRENT), read(store, secret, VersionId=version, VersionStage=PENDING)
    for one, other in (some, some[::-1]):
        if one["SECRET_KEY"] not in (other["SECRET_KEY"], *other["SECRET_KEY_FALLBACKS"].split(",")):
            raise ValueError("the new keys and the former ones do not accept each other")


def finish(store, secret, version):
    """The new version is what containers get from now on; those that run are replaced."""
    stages = store.describe_secret(SecretId=secret)["VersionIdsToStages"]
    (former,) = (each for each, names in stages.items() if CURRENT in names)
    if former != version:
        store.update_secret_version_stage(
            SecretId=secret, VersionStage=CURRENT, MoveToVersionId=version, RemoveFromVersionId=former
        )
    containers = boto3.client("ecs")
    absent = (
        containers.exceptions.ClusterNotFoundException,
        containers.exceptions.ServiceNotFoundException,
        containers.exceptions.ServiceNotActiveException,
    )
    for service in os.environ["SERVICES"].split():
        try:
            containers.update_service(cluster=os.environ["CLUSTER"], service=service, forceNewDeployment=True)
        except absent:
            print(f"{service} is not there yet, and starts with these keys")


def read(store, secret, **version):
    """The keys of a version."""
    return json.loads(store.get_secret_value(SecretId=secret, **version)["SecretString"])


STEPS = {"createSecret": create, "setSecret": tell, "testSecret": test, "finishSecret": finish}
