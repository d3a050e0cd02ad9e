"""One application at the door of this process's own Django, as its HTTP client sees it."""

import json
from typing import Any

import requests
from django.test import Client

from foundation.adapters import directory
from foundation.identity import Caller
from tests.forging import good_token, new_client

BASE = "/document/extraction"


class Door:
    """An application with a good token."""

    def __init__(self) -> None:
        credentials = new_client("extraction")
        found = directory.find(credentials.client)
        assert found is not None
        self.caller = Caller(found.application, credentials.client)
        self.http = Client(headers={"authorization": f"Bearer {good_token(credentials)}"})

    def post(self, path: str, **body: Any) -> Any:
        """POST without a Content-Type, as the notebooks do."""
        return self.http.generic("POST", BASE + path, json.dumps(body), content_type="")

    def get(self, path: str) -> Any:
        return self.http.get(BASE + path)

    def put(self, url: str, content: bytes) -> int:
        """The status of a PUT without any header to an upload URL."""
        return requests.put(url, data=content, timeout=60).status_code

    def download(self, url: str) -> Any:
        """The JSON that a URL gives to anybody."""
        answer = requests.get(url, timeout=60)
        assert answer.status_code == 200
        return answer.json()

    def new_job(self) -> str:
        return str(self.get("/create_job").json()["extraction_job_id"])

    def upload(self, job: str, name: str, content: bytes) -> str:
        """Register and upload a file; its upload URL."""
        url = str(self.post("/register_file", extraction_job_id=job, file_name=name).json()["upload_url"])
        assert self.put(url, content) == 200
        return url
