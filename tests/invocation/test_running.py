"""Models on the running platform: the web process answers, the worker works."""

from concurrent.futures import ThreadPoolExecutor

from tests.running import Api, wait_for

ASKED = {"model_name": "ANTHROPIC_CLAUDE_V2", "prompt": "What is the capital of France?", "max_tokens": 20, "temperature": 0}


def test_an_asynchronous_invocation_is_worked_on_by_a_worker(api: Api):
    invocation = api.ok("POST", "/model/async_invoke", ASKED)["invocation_id"]

    def finished():
        answer = api.get(f"/model/async_output/{invocation}")
        assert answer.status_code in (200, 202)
        return answer.json() if answer.status_code == 200 else None

    assert "Paris" in wait_for(finished)["output_text"]


def test_many_requests_at_once_are_all_answered_and_all_on_the_account(client_for):
    api: Api = client_for("busy application")
    embed = {"model_name": "TITAN_TEXT_EMBED_V2", "input_text": "hello"}

    def both(number: int) -> tuple[int, int]:
        apart = Api(api.url, None)
        apart.session.headers.update(api.session.headers)
        return apart.post("/model/invoke", {**ASKED, "max_tokens": 3}).status_code, apart.post(
            "/model/embed", embed
        ).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(both, range(16))) == {(200, 200)}
    expected = {"ANTHROPIC_CLAUDE_V2": 16, "TITAN_TEXT_EMBED_V2": 16}
    wait_for(lambda: {row["model_name"]: row["total_count"] for row in api.ok("GET", "/usage/daily")} == expected, 10)


def test_the_document_has_both_ways_in(api: Api):
    paths = api.ok("GET", "/model/service/meta")["paths"]
    assert paths.keys() >= {
        "/model/invoke",
        "/model/embed",
        "/model/invoke_with_raw_input",
        "/model/async_invoke",
        "/model/async_output/{invocation_id}",
        "/model/list_models",
    }
    names = [each["name"] for each in api.ok("GET", "/usage/service/meta")["paths"]["/usage/daily"]["get"]["parameters"]]
    assert {"start_date", "end_date", "limit", "cursor"} <= set(names)
