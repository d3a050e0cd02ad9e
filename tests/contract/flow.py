"""Every endpoint for applications once, as the original's clients call them; each answer is kept."""

from collections.abc import Mapping
from typing import Any

import requests

from tests.contract.document import Exchange, answered
from tests.running import Api, wait_for

ENDS = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"}
DOCUMENTS = {
    "rivers.md": b"# Rivers\n\nThe Danube is the second longest river in Europe.\n\nThe Volga is the longest.",
    "tides.txt": b"Tides follow the moon.\n\nThey come twice a day.",
    "broken.txt": b"\xff\xfe\x00 not text",
}


class Flow:
    """Makes the requests in their order. `exchanges` holds every one of them."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.exchanges: list[Exchange] = []

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = self.api.post(path, body) if method == "POST" else self.api.get(path)
        made = answered(method, path, body, answer)
        self.exchanges.append(made)
        assert made.status == expect, f"{method} {path}: {made.status} {made.answer}"
        return made.answer

    def run(self) -> None:
        self.services()
        self.models()
        self.prompts()
        extraction = self.extraction()
        chunking = self.chunking(extraction)
        self.vectors(chunking)
        self.call("GET", "/usage/daily?start_date=2020-01-01&end_date=2100-01-01")
        self.call("GET", "/usage/calls?start_date=2020-01-01&end_date=2100-01-01")

    def services(self) -> None:
        for name in ("model", "document", "vector", "prompt", "chunking", "vectorization", "usage"):
            assert self.call("GET", f"/{name}/service/health") == {"status": "UP"}
        assert self.call("GET", "/service/health") == {"status": "UP"}

    def models(self) -> None:
        listed = self.call("GET", "/model/list_models")
        assert [model["model_name"] for model in listed["text_models"]][:2] == ["TITAN_TEXT_PREMIER_V1", "TITAN_TEXT_LITE_V1"]
        assert all("EMBED" not in model["model_name"] for model in listed["text_models"])
        said = {"prompt": "Say hello.", "max_tokens": 5, "top_k": 50, "temperature": 0}
        asked: dict[str, Any] = {"model_name": "ANTHROPIC_CLAUDE_V2", **said}
        assert self.call("POST", "/model/invoke", asked)["output_text"]
        turns = [{"role": "user", "content": [{"text": "Say hello."}]}]
        chat = {
            "model_name": "ANTHROPIC_CLAUDE_3_SONNET_V1",
            "prompt": turns,
            "max_tokens": 5,
            "system_prompts": [{"text": "Be short."}],
        }
        assert {"output_text", "input_tokens", "output_tokens"} <= self.call("POST", "/model/invoke", chat).keys()
        self.call("POST", "/model/invoke", {"model_name": "NO_SUCH_MODEL", "prompt": "x"}, expect=400)
        self.call("POST", "/model/invoke", {"prompt": 5}, expect=422)
        raw = {"model_id": "smollm2-135m-instruct", "raw_input": {"prompt": "Say hello.", "max_tokens": 5}}
        self.call("POST", "/model/invoke_with_raw_input", raw)
        embedded = self.call("POST", "/model/embed", {"model_name": "TITAN_TEXT_EMBED_V2", "input_text": "hello"})
        assert all(isinstance(number, float) for number in embedded["embedding"])
        started = self.call("POST", "/model/async_invoke", asked)["invocation_id"]
        done = wait_for(lambda: self.async_output(started))
        assert done["output_text"] and done["embedding"] is None

    def async_output(self, invocation: str) -> Mapping[str, Any] | None:
        """The result of an asynchronous invocation once there is one; the answers before are kept too."""
        path = f"/model/async_output/{invocation}"
        made = answered("GET", path, None, self.api.get(path))
        if made.status != 200 and any(kept.path == path and kept.status == made.status for kept in self.exchanges):
            return None
        self.exchanges.append(made)
        assert made.status in (200, 202), made.answer
        found: Mapping[str, Any] | None = made.answer if made.status == 200 else None
        return found

    def prompts(self) -> None:
        for text in ("Hello {name}", "Good day {name}"):
            saved = self.call("POST", "/prompt/template/save", {"name": "greeting", "prompt_template": text})
        assert saved["version"] == 2
        assert self.call("POST", "/prompt/template/get", {"name": "greeting"}) == saved
        assert [each["version"] for each in self.call("POST", "/prompt/template/versions", {"name": "greeting"})] == [2, 1]
        assert (
            self.call("POST", "/prompt/template/version", {"name": "greeting", "vnum": "1"})["prompt_template"]
            == "Hello {name}"
        )
        assert [each["version"] for each in self.call("GET", "/prompt/template/list")["greeting"]] == [2, 1]
        self.call("POST", "/prompt/template/get", {"name": "no such"}, expect=404)

    def extraction(self) -> str:
        job = str(self.call("GET", "/document/extraction/create_job")["extraction_job_id"])
        for name, content in DOCUMENTS.items():
            registered = self.call("POST", "/document/extraction/register_file", {"extraction_job_id": job, "file_name": name})
            assert requests.put(registered["upload_url"], data=content, timeout=30).status_code == 200
        again = {"extraction_job_id": job, "file_name": "rivers.md"}
        self.call("POST", "/document/extraction/register_file", again, expect=400)
        started = self.call("POST", "/document/extraction/start_job", {"extraction_job_id": job})
        assert started == {"extraction_job_id": job, "total_files": len(DOCUMENTS), "status": "STARTED"}
        state = self.ended(f"/document/extraction/job_status/{job}")
        counts = (state["status"], state["completed_file_count"], state["failed_file_count"], state["total_file_count"])
        assert counts == ("COMPLETED_WITH_ERRORS", 2, 1, 3)
        files = {each["file_name"]: each["status"] for each in self.call("GET", f"/document/extraction/job_files/{job}")}
        assert files == {"rivers.md": "COMPLETED", "tides.txt": "COMPLETED", "broken.txt": "FAILED"}
        file = self.call("POST", "/document/extraction/file_status", {"extraction_job_id": job, "file_name": "rivers.md"})
        pages = requests.get(file["result_url"], timeout=30).json()["pages"]
        assert pages == [{"page_number": 1, "page_text": DOCUMENTS["rivers.md"].decode()}]
        failed = self.call("POST", "/document/extraction/file_status", {"extraction_job_id": job, "file_name": "broken.txt"})
        assert failed["result_url"] is None
        results = self.call("GET", f"/document/extraction/job_results/{job}")["files"]
        assert [each["file_name"] for each in results] == ["rivers.md", "tides.txt"]
        assert job in {each["job_id"] for each in self.call("GET", "/document/extraction/list_jobs")}
        return job

    def chunking(self, extraction: str) -> str:
        wanted = {
            "extraction_job_id": extraction,
            "chunking_strategy": "fixed_size",
            "chunking_params": {"chunk_size": 60, "chunk_overlap": 0},
        }
        created = self.call("POST", "/document/chunking/create_job", wanted)
        job = str(created["chunking_job_id"])
        assert created["total_file_count"] == 2
        self.call("POST", "/document/chunking/create_job", {**wanted, "chunking_strategy": "no such"}, expect=422)
        state = self.ended(f"/document/chunking/job_status/{job}")
        assert (state["status"], state["completed_files"], state["failed_files"]) == ("COMPLETED", 2, 0)
        assert len(self.call("GET", f"/document/chunking/job_files/{job}")["files"]) == 2
        url = self.call("POST", "/document/chunking/chunk_file_url", {"chunking_job_id": job, "file_name": "rivers.md"})[
            "chunk_file_url"
        ]
        chunks = [each["chunk"] for each in requests.get(url, timeout=30).json()]
        assert (
            chunks == ["# Rivers", "The Danube is the second longest river in Europe.", "The Volga is the longest."]
            or len(chunks) == 2
        )
        listed = self.call("GET", "/document/chunking/list_jobs")
        assert isinstance(next(each for each in listed if each["chunking_job_id"] == job)["chunking_params"], str)
        return job

    def vectors(self, chunking: str) -> None:
        wanted = {"store_name": "library", "store_type": "opensearchserverless", "tags": [{"key": "project", "value": "test"}]}
        store = str(self.call("POST", "/vector/store/create", wanted)["store_id"])
        self.call("POST", "/vector/store/create", {**wanted, "store_type": "no such"}, expect=400)
        wait_for(lambda: self.call("POST", "/vector/store/status", {"store_id": store})["status"] == "ACTIVE")
        index = str(self.call("POST", "/vector/store/index/create", {"store_id": store, "index_name": "books"})["index_id"])
        assert self.call("POST", "/vector/store/index/status", {"index_id": index}) == {"index_id": index, "status": "ACTIVE"}
        assert store in {each["store_id"] for each in self.call("POST", "/vector/stores/list")}
        assert {"index_id": index, "index_name": "books"}.items() <= self.call("GET", f"/vector/store/{store}/indexes")[
            0
        ].items()
        job = self.call("POST", "/vector/store/vectorize", {"chunking_job_id": chunking, "index_id": index})["vectorize_job_id"]
        state = self.ended(f"/vector/job/status/{job}")
        assert (state["status"], state["completed_file_count"], state["failed_file_count"]) == ("COMPLETED", 2, 0)
        assert job in {each["vectorize_job_id"] for each in self.call("GET", "/vector/jobs/list")}
        found = self.call("POST", "/vector/search", {"query": "What do tides follow?", "index_id": index})
        assert "moon" in found[0]["text"] and len(found) <= 4
        assert {each["file_name"] for each in self.call("GET", f"/vector/job/files/{job}")} == {
            each["file_name"] for each in found
        }
        self.call("POST", "/vector/store/index/delete", {"index_id": index})
        self.call("POST", "/vector/store/delete", {"store_id": store})

    def ended(self, path: str) -> Mapping[str, Any]:
        """The last state of a job."""
        state: Mapping[str, Any] = wait_for(lambda: (state := self.call("GET", path))["status"] in ENDS and state)
        return state
