"""What an operator is told about the models before the first call."""

from apps.invocation import services
from apps.invocation.records import Deployment
from foundation.settings import CHOSEN
from tests.upstream.checking import listed


def test_preparing_builds_the_graph_and_has_nothing_to_say_when_all_is_well():
    assert services.prepare() == []
    assert list((CHOSEN.home / "models").glob("all-minilm-l6-v2-*/*.onnx"))


def test_the_doctor_finds_the_models_of_this_machine_ready_and_asks_for_no_server_that_is_not_configured():
    assert [(found.subject, found.good, found.remedy) for found in services.findings()] == [
        ("models of local_text", True, ""),
        ("models of local_embeddings", True, ""),
    ]


def test_the_doctor_tells_servers_apart_by_where_they_are():
    here = Deployment("here", "openai_compatible", "a", base_url="http://127.0.0.1:9/v1")
    there = Deployment("there", "openai_compatible", "a", base_url="http://127.0.0.2:9/v1")
    with listed(here, there):
        found = {each.subject: each.text for each in services.findings()}
    for place in (here, there):  # where nobody listens
        assert "not asked" in found[f"models of openai_compatible at {place.base_url}"]
