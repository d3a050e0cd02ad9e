"""`manage.py jobs` and `manage.py doctor`, as an operator uses them."""

import json
import re
import socket

from tests.conftest import free_port
from tests.foundation.staging import Stage
from tests.running import wait_for
from tests.servers.moto import BUCKET, Moto


def test_jobs_list_shows_how_full_each_queue_is_and_its_dead_letters(stage: Stage) -> None:
    stage.worker()
    stage.send("refuse", "a")
    wait_for(lambda: stage.queues.depth("rehearsal").dead == 1)
    shown = stage.run("jobs", "list").stdout
    assert "rehearsal" in shown and "hurried" in shown
    assert "refuse word=a" in shown and "Invalid: a cannot be done" in shown
    (listed,) = json.loads(stage.run("jobs", "list", "--queue", "rehearsal", "--json").stdout)
    assert (listed["queue"], listed["dead"], listed["waiting"]) == ("rehearsal", 1, 0)
    assert listed["letters"][0]["ids"] == {"word": "a"} and listed["letters"][0]["id"] in shown


def test_an_unknown_queue_or_message_is_refused_by_name(stage: Stage) -> None:
    refused = stage.run("jobs", "list", "--queue", "nowhere")
    assert refused.returncode == 1 and "no queue nowhere; there is rehearsal, hurried" in refused.stderr
    refused = stage.run("jobs", "redrive", "--message", "nothing")
    assert refused.returncode == 1 and "no dead letter nothing" in refused.stderr


def test_doctor_finds_all_well_on_a_fresh_machine(stage: Stage) -> None:
    found = stage.run("doctor", PORT=str(free_port()))
    assert found.returncode == 0, found.stdout
    assert "All is well." in found.stdout and "BAD" not in found.stdout


def test_doctor_says_what_to_do_about_a_taken_port_and_a_broken_store(stage: Stage) -> None:
    stage.home.mkdir()
    (stage.home / "counters.db").write_text("this is no database, and it is long enough to be taken for one" * 100)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = stage.run("doctor", PORT=str(taken.getsockname()[1]))
    assert found.returncode == 1
    assert "BAD   counters" in found.stdout and "BAD   web server" in found.stdout
    assert "choose another PORT" in found.stdout and "good  records" in found.stdout


def test_doctor_speaks_of_the_deployment_and_not_of_a_folder_when_the_platform_is_aws(stage: Stage) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    told = {**Moto(nowhere).environment, **Moto(nowhere).told, "REDIS_URL": nowhere.replace("http", "redis")}
    dead = dict.fromkeys(("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"), nowhere)
    found = stage.run("doctor", PORT=str(free_port()), AWS_MAX_ATTEMPTS="1", **told, **dead)
    assert found.returncode == 1 and not found.stderr
    said = dict(re.findall(r"BAD +([a-z ]+): .*\n +-> (.*)", found.stdout))
    assert {"records", "files", "queues", "counters", "secrets"} <= said.keys()
    assert "AWS_REGION (us-west-2), DEPLOYMENT (foundation)" in said["records"]
    assert f"FILES_BUCKET ({BUCKET})" in said["files"] and "REDIS_URL" in said["counters"]
    assert "data of foundation in us-west-2" in found.stdout and "FOUNDATION_HOME" not in found.stdout
