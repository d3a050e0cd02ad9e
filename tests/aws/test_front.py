"""What the portal's process of a deployment answers for the whole platform."""

import requests

from deploy.cloudformation.house import platform
from tests.servers.deployment import Deployment


def test_the_portals_process_tells_of_the_whole_api_and_serves_only_its_own(deployment: Deployment) -> None:
    with deployment.serving("portal") as portal:
        document = requests.get(f"{portal}/openapi.json", timeout=60).json()
        page = requests.get(f"{portal}/docs", timeout=60)
        foreign = requests.get(f"{portal}/prompt/template/list", timeout=60)
    assert document["servers"] == [{"url": deployment.told["API_URL"]}]
    for capability in platform().capabilities:
        for prefix in capability.manifest.prefixes:
            assert any(path.startswith(f"/{prefix}/") for path in document["paths"]), prefix
    assert not any(path.startswith(("/oauth2", "/local_", "/login")) for path in document["paths"])
    assert (page.status_code, foreign.status_code) == (200, 404)


def test_another_process_tells_of_what_it_serves(prompts: str) -> None:
    paths = requests.get(f"{prompts}/openapi.json", timeout=60).json()["paths"]
    assert all(path.startswith(("/prompt/", "/service/", "/metrics")) for path in paths)
