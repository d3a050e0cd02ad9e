"""Writes what each process is told into a file of its own, in a folder named after all of it, as a custom resource.

What a revision of a task names is never changed or removed: who goes back to a former revision has its settings again.
"""

import hashlib
import json

import boto3
import cfnresponse

MOST = 500  # letters of a reason, as an answer may not be long
LENGTH = 16  # letters of a folder's name


def handler(event, context):
    """One request of CloudFormation: the attribute Folder is where the files are; a repeat changes nothing."""
    name = event.get("PhysicalResourceId", "settings")
    try:
        if event["RequestType"] != "Delete":
            name = written(event["ResourceProperties"])
        cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Folder": name}, name)
    except Exception as wrong:
        print(wrong)
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, name, reason=str(wrong)[:MOST])


def written(asked):
    """The folder, with a file for each process."""
    texts = {process: lines({**asked["All"], **own}) for process, own in asked["Each"].items()}
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
    folder, files = f"{asked['Folder']}/{digest[:LENGTH]}", boto3.client("s3")
    for process, text in texts.items():
        files.put_object(Bucket=asked["Bucket"], Key=f"{folder}/{process}.env", Body=text.encode())
    return folder


def lines(told):
    """A line for each setting that has a value, as ECS reads them: all behind the sign is the value."""
    broken = sorted(name for name, value in told.items() if "\n" in value or "\r" in value)
    if broken:
        raise ValueError(f"{', '.join(broken)}: a setting has one line")
    return "".join(f"{name}={value}\n" for name, value in sorted(told.items()) if value)
