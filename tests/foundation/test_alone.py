"""Each capability in a platform of its own: it answers, and every other path is a 404."""

from pathlib import Path

import pytest
import requests

from foundation.manifest import Capability, short
from foundation.openapi import described
from foundation.settings import HOUSE
from tests.conftest import free_port
from tests.running import Platform

OF_ALL = ("/service/health", "/metrics")  # what every process answers


@pytest.mark.parametrize("capability", HOUSE.capabilities, ids=short)
def test_a_capability_serves_alone(capability: type[Capability], tmp_path: Path) -> None:
    alone = Platform(tmp_path / "home", free_port(), SERVE=short(capability))
    alone.start()
    try:
        for other in HOUSE.capabilities:
            for service in other.manifest.services:
                status = requests.get(f"{alone.url}/{service}/service/health", timeout=10).status_code
                assert status == (200 if other is capability else 404), service
        paths = requests.get(f"{alone.url}/openapi.json", timeout=10).json()["paths"]
        own = tuple(f"/{name}/" for name in (*capability.manifest.prefixes, *capability.manifest.services))
        foreign = {path for path in paths if not path.startswith(own) and path not in OF_ALL}
        whole = {path for path in described()["paths"] if not path.startswith(own) and path not in OF_ALL}
        assert foreign == (whole if capability.manifest.front else set())
    finally:
        assert alone.stop() == 0


def test_chunking_alone_answers_for_chunking_only(tmp_path: Path) -> None:
    alone = Platform(tmp_path / "home", free_port(), SERVE="chunking")
    alone.start()
    try:
        assert requests.get(f"{alone.url}/document/chunking/list_jobs", timeout=10).status_code == 401
        for path in (
            "/document/extraction/list_jobs",
            "/model/list_models",
            "/prompt/template/list",
            "/admin/",
            "/oauth2/token",
        ):
            assert requests.get(alone.url + path, timeout=10).status_code == 404, path
    finally:
        assert alone.stop() == 0
