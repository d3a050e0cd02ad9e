"""The JSON that the original's portal asked for, at its paths."""

import uuid
from typing import Any

import pytest
import requests

from tests.portal.visitor import CookieClient, Visitor
from tests.running import Api, Platform, token

POSTS = (
    ("/admin/platform/create_app_client", {"app_name": "x", "description": "y"}),
    ("/admin/platform/activate_app_client", {"app_id": "x"}),
    ("/admin/platform/deactivate_app_client", {"app_id": "x"}),
    ("/admin/metrics/invocations", {"app_id": "x"}),
    ("/admin/metrics/extraction-jobs", {"app_id": "x"}),
    ("/admin/metrics/chunking-jobs", {"app_id": "x"}),
    ("/admin/metrics/vectorization-jobs", {"app_id": "x"}),
    ("/admin/metrics/vector-stores", {"app_id": "x"}),
    ("/admin/metrics/vector-indexes", {"app_id": "x", "vector_store_id": "y"}),
    ("/admin/prompt/template/save", {"name": "x", "prompt_template": "y"}),
)
GETS = (
    "/admin/auth/status",
    "/admin/platform/openapi.json",
    "/admin/platform/services/health",
    "/admin/platform/get_all_app_clients",
    "/admin/model/list_models",
)


def created(cookie_client: CookieClient, name: str = "") -> dict[str, Any]:
    """A new application as the list shows it, with its client secret."""
    wanted = name or f"Contract {uuid.uuid4().hex[:8]}"
    answer = cookie_client.post("/admin/platform/create_app_client", {"app_name": wanted, "description": "A test."})
    assert answer.status_code == 200, answer.text
    listed = cookie_client.get("/admin/platform/get_all_app_clients").json()
    row: dict[str, Any] = next(one for one in listed if one["app_name"] == wanted)
    return {**row, **answer.json()}


@pytest.mark.parametrize("path", GETS)
def test_nothing_is_told_without_a_cookie(platform: Platform, path: str) -> None:
    answer = CookieClient(platform.url, None).get(path)
    assert answer.status_code == 401 and answer.json()["detail"] == "Not authenticated"


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_nothing_is_done_and_no_metric_is_told_without_a_cookie(platform: Platform, path: str, body: Any) -> None:
    assert CookieClient(platform.url, None).post(path, body).status_code == 401


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_an_applications_token_is_no_administrators(platform: Platform, api: Api, path: str, body: Any) -> None:
    bearer = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    assert CookieClient(platform.url, bearer).post(path, body).status_code == 401


def test_an_administrators_token_is_no_applications(platform: Platform, visitor: Visitor) -> None:
    assert Api(platform.url, visitor.access_token()).get("/prompt/template/list").status_code == 401


def test_the_cookie_is_set_from_a_good_token_and_unset_again(platform: Platform, visitor: Visitor) -> None:
    set_ = requests.post(
        f"{platform.url}/admin/set_cookie", headers={"Authorization": f"Bearer {visitor.access_token()}"}, timeout=30
    )
    assert set_.json() == {"message": "Cookie set successfully"}
    kept = set_.headers["Set-Cookie"]
    for part in ("access_token=", "HttpOnly", "Secure", "SameSite=None", "Max-Age=3600", "Path=/"):
        assert part in kept
    assert "id_token=" in kept
    unset = requests.get(f"{platform.url}/admin/unset_cookie", timeout=30)
    assert unset.json() == {"message": "Cookie unset successfully"} and "Max-Age=0" in unset.headers["Set-Cookie"]


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer a.b.c"])
def test_no_cookie_is_set_from_anything_else(platform: Platform, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = requests.post(f"{platform.url}/admin/set_cookie", headers=headers, timeout=30)
    assert answer.status_code == 401 and "access_token" not in answer.headers.get("Set-Cookie", "")


def test_status_says_that_the_cookie_is_good(cookie_client: CookieClient) -> None:
    assert cookie_client.get("/admin/auth/status").json() == {"message": "You are authenticated"}


def test_the_health_of_the_four_services_comes_in_the_contracts_order(cookie_client: CookieClient) -> None:
    assert cookie_client.get("/admin/platform/services/health").json() == [
        {"service_name": name, "status": "healthy"}
        for name in ("Extraction Service", "Model Invocation Service", "Vectorization Service", "Prompt Management Service")
    ]


def test_one_document_describes_the_four_services_and_not_the_administration(cookie_client: CookieClient) -> None:
    paths = cookie_client.get("/admin/platform/openapi.json").json()["paths"]
    for path in ("/model/invoke", "/document/extraction/create_job", "/vector/store/create", "/prompt/template/save"):
        assert path in paths
    assert not any(path.startswith("/admin") for path in paths)


def test_a_created_client_calls_the_api_and_is_listed(cookie_client: CookieClient) -> None:
    made = created(cookie_client)
    assert made["status"] == "active" and made["client_secret_arn"] == f"{made['client_id']}_client_secret"
    credentials = {**made, "token_url": f"{cookie_client.url}/oauth2/token", "scope": "genaifoundations/read"}
    assert Api(cookie_client.url, token(credentials)).get("/prompt/template/list").status_code == 200
    assert set(made) >= {"app_id", "secret_arn", "description", "app_user_pool_id", "platform_app_client_id", "platform_domain"}
    assert len(made["date_created"]) == len("2026-01-01 00:00:00")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"app_name": " ", "description": "y"}, "app_name is required"),
        ({"description": "y"}, "app_name is required"),
        ({"app_name": "x"}, "description is required"),
    ],
)
def test_a_client_needs_a_name_and_a_description(cookie_client: CookieClient, body: Any, detail: str) -> None:
    answer = cookie_client.post("/admin/platform/create_app_client", body)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_a_client_is_deactivated_and_activated(cookie_client: CookieClient) -> None:
    application = created(cookie_client)["app_id"]

    def status() -> str:
        listed = cookie_client.get("/admin/platform/get_all_app_clients").json()
        return str(next(one for one in listed if one["app_id"] == application)["status"])

    out = cookie_client.post("/admin/platform/deactivate_app_client", {"app_id": application})
    assert out.json() == {"message": "Client deactivated successfully"} and status() == "inactive"
    back = cookie_client.post("/admin/platform/activate_app_client", {"app_id": application})
    assert back.json() == {"message": "Client activated successfully"} and status() == "active"


@pytest.mark.parametrize("action", ["activate_app_client", "deactivate_app_client"])
def test_an_unknown_client_is_404(cookie_client: CookieClient, action: str) -> None:
    assert cookie_client.post(f"/admin/platform/{action}", {"app_id": str(uuid.uuid4())}).status_code == 404


@pytest.mark.parametrize("kind", ["invocations", "extraction-jobs", "chunking-jobs", "vectorization-jobs", "vector-stores"])
def test_metrics_have_items_and_take_empty_dates(cookie_client: CookieClient, kind: str) -> None:
    application = created(cookie_client)["app_id"]
    for dates in ({}, {"start_date": "", "end_date": ""}, {"start_date": "2026-01-01", "limit": 1000, "model_id": "m"}):
        answer = cookie_client.post(f"/admin/metrics/{kind}", {"app_id": application, **dates})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"items": [] if kind == "vector-stores" else {}, "last_evaluated_key": None}


@pytest.mark.parametrize(
    "dates", [{"start_date": "2026-02-30"}, {"end_date": "x"}, {"start_date": "2026-03-01", "end_date": "2026-02-01"}]
)
def test_dates_that_are_none_are_422(cookie_client: CookieClient, dates: dict[str, str]) -> None:
    assert cookie_client.post("/admin/metrics/invocations", {"app_id": "x", **dates}).status_code == 422


def test_jobs_and_stores_of_today_are_counted(cookie_client: CookieClient) -> None:
    made = created(cookie_client)
    credentials = {**made, "token_url": f"{cookie_client.url}/oauth2/token", "scope": "genaifoundations/read"}
    api = Api(cookie_client.url, token(credentials))
    assert api.get("/document/extraction/create_job").status_code == 200
    api.ok(
        "POST",
        "/vector/store/create",
        {"store_name": "s", "store_type": "opensearchserverless", "description": "d", "tags": []},
    )
    wanted = {"app_id": made["app_id"]}
    jobs = cookie_client.post("/admin/metrics/extraction-jobs", wanted).json()["items"]
    assert jobs == {
        "CREATED": {
            "total_count": 1,
            "total_total_file_count": 0,
            "total_completed_file_count": 0,
            "total_failed_file_count": 0,
        }
    }
    (store,) = cookie_client.post("/admin/metrics/vector-stores", wanted).json()["items"]
    assert (store["store_name"], store["app_id"]) == ("s", made["app_id"])
    of_store = {**wanted, "vector_store_id": store["vector_store_id"]}
    assert cookie_client.post("/admin/metrics/vector-indexes", of_store).json()["items"] == []
    foreign = {**of_store, "app_id": str(uuid.uuid4())}
    assert cookie_client.post("/admin/metrics/vector-indexes", foreign).status_code == 404


def test_the_relay_passes_requests_on_and_answers_back_as_they_are(cookie_client: CookieClient) -> None:
    name = f"relayed {uuid.uuid4().hex[:8]}"
    saved = cookie_client.post("/admin/prompt/template/save", {"name": name, "prompt_template": "Hello"})
    assert saved.status_code == 200 and saved.json()["version"] == 1
    listed = cookie_client.get("/admin/prompt/template/list?limit=1")
    assert listed.status_code == 200 and len(listed.json()) == 1
    assert cookie_client.get("/admin/prompt/template/list?limit=0").status_code == 400
    missing = cookie_client.post("/admin/prompt/template/get", {"name": str(uuid.uuid4())})
    assert missing.status_code == 404 and missing.json()["detail"] == "Prompt template not found"
    assert cookie_client.post("/admin/prompt/template/save", {}).status_code == 422
    assert cookie_client.get("/admin/model/nowhere").status_code == 404


def test_the_relay_does_not_leave_its_service(cookie_client: CookieClient) -> None:
    assert cookie_client.get("/admin/prompt/%2e%2e/model/list_models").status_code == 404


def test_what_is_relayed_runs_as_the_portals_own_application(cookie_client: CookieClient) -> None:
    cookie_client.get("/admin/model/list_models")
    names = [one["app_name"] for one in cookie_client.get("/admin/platform/get_all_app_clients").json()]
    assert names.count("AdminUIBackend") == 1


def test_the_portal_has_its_own_health(platform: Platform) -> None:
    assert requests.get(f"{platform.url}/admin/service/health", timeout=30).json() == {"status": "UP"}


def test_the_endpoints_are_in_the_document(platform: Platform) -> None:
    document = requests.get(f"{platform.url}/openapi.json", timeout=60).json()
    assert document["paths"]["/admin/metrics/invocations"]["post"]["security"] == [{"administrator": []}]
    assert document["components"]["securitySchemes"]["administrator"]["in"] == "cookie"
