"""What an operator is told about the models before the first call."""

from apps.invocation import services
from foundation.settings import CHOSEN


def test_preparing_builds_the_graph_and_has_nothing_to_say_when_all_is_well():
    assert services.prepare() == []
    assert list((CHOSEN.home / "models").glob("all-minilm-l6-v2-*/*.onnx"))


def test_the_doctor_finds_the_models_of_this_machine_ready_and_asks_for_no_server_that_is_not_configured():
    assert [(found.subject, found.good, found.remedy) for found in services.findings()] == [
        ("models of local_text", True, ""),
        ("models of local_embeddings", True, ""),
    ]
