"""The whole way of three documents through the platform, step by step, told on the terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from cookbook.client import Client, Refused

SAMPLES = Path(__file__).parent / "samples"
QUESTIONS = (
    "How much does the Family plan cost a month?",
    "When is the garden open to visitors?",
    "When will the inverter hall be serviced?",
)
TEMPLATE = (
    "Answer the question in one short sentence, using only the text below.\n\n"
    "Text:\n{passages}\n\nQuestion: {question}\nAnswer:"
)
PASSAGES = 2
ENDS = ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED")


class Journey:
    """One run. Every step raises Refused when the platform does not do what it should."""

    def __init__(self, client: Client, console: Console) -> None:
        self.client, self.console = client, console
        self.number = 0

    def run(self) -> bool:
        """All steps in order; whether every one of them held."""
        try:
            self._token()
            template = self._template()
            extraction = self._extraction()
            chunking = self._chunking(extraction)
            index = self._vectors(chunking)
            for question in QUESTIONS:
                self._question(question, template, index)
            self._usage()
        except (Refused, requests.RequestException) as refused:
            self.console.print(f"\n[bold red]The journey ended early:[/] {refused}", highlight=False)
            return False
        return True

    @contextmanager
    def _step(self, title: str) -> Iterator[Callable[[str], None]]:
        """A step with a spinner while it runs, and one line with its result and its time when it has held."""
        self.number += 1
        begun, said = time.monotonic(), [""]
        with self.console.status(f"{title} …") as status:

            def tell(text: str) -> None:
                said[0] = text
                status.update(f"{title} … {text}")

            yield tell
        took = f"{time.monotonic() - begun:.1f} s"
        self.console.print(f"[green]✓[/] {self.number:>2}  [bold]{title}[/]  {said[0]}  [dim]{took}[/]", highlight=False)

    def _token(self) -> None:
        with self._step("Access token") as tell:
            tell(f"good for {self.client.fetch_token()} s")

    def _template(self) -> str:
        with self._step("Prompt template saved and fetched") as tell:
            saved = self.client.call(
                "POST", "/prompt/template/save", {"name": "answer-from-passages", "prompt_template": TEMPLATE}
            )
            fetched = self.client.call("POST", "/prompt/template/get", {"name": "answer-from-passages"})
            _must(fetched == saved, f"the template came back changed: {fetched}")
            tell(f"answer-from-passages, version {fetched['version']}")
            return str(fetched["prompt_template"])

    def _extraction(self) -> str:
        documents = sorted(SAMPLES.iterdir())
        with self._step("Documents uploaded") as tell:
            job = str(self.client.call("GET", "/document/extraction/create_job")["extraction_job_id"])
            for document in documents:
                asked = {"extraction_job_id": job, "file_name": document.name}
                registered = self.client.call("POST", "/document/extraction/register_file", asked)
                self.client.upload(registered["upload_url"], document.read_bytes())
            tell(", ".join(document.name for document in documents))
        with self._step("Text and layout extracted") as tell:
            started = self.client.call("POST", "/document/extraction/start_job", {"extraction_job_id": job})
            _must(started["total_files"] == len(documents), f"{started['total_files']} files were counted")
            path = f"/document/extraction/job_status/{job}"
            self._ended(path, len(documents), ("completed_file_count", "failed_file_count", "total_file_count"), tell)
            tell(self._described(job))
        return job

    def _described(self, job: str) -> str:
        """How many pages, headings and tables the extraction found."""
        results = self.client.call("GET", f"/document/extraction/job_results/{job}")["files"]
        pages = [
            page
            for result in results
            for page in self.client.session.get(result["extracted_text_url"], timeout=60).json()["pages"]
        ]
        text = "\n".join(page["page_text"] for page in pages)
        _must("<table>" in text and "<header>" in text, "the layout of the handbook was not recognised")
        headings = text.count("<title>") + text.count("<header>")
        return f"{len(pages)} pages with {headings} headings and {text.count('<table>')} table(s)"

    def _chunking(self, extraction: str) -> str:
        with self._step("Cut into chunks") as tell:
            sizes = {"chunk_size": 500, "chunk_overlap": 50}
            asked = {"extraction_job_id": extraction, "chunking_strategy": "recursive", "chunking_params": sizes}
            created = self.client.call("POST", "/document/chunking/create_job", asked)
            job, total = str(created["chunking_job_id"]), created["total_file_count"]
            counted = ("completed_files", "failed_files", "total_file_count")
            self._ended(f"/document/chunking/job_status/{job}", total, counted, tell)
            tell(f"recursively, at most {sizes['chunk_size']} characters each")
        return job

    def _vectors(self, chunking: str) -> str:
        with self._step("Vector store and index") as tell:
            store = self.client.call(
                "POST", "/vector/store/create", {"store_name": "sample", "store_type": "opensearchserverless"}
            )
            asked = {"store_id": store["store_id"]}
            for state in self.client.until(lambda state: state["status"] == "ACTIVE", "/vector/store/status", asked):
                tell(state["status"])
            index = self.client.call("POST", "/vector/store/index/create", {**asked, "index_name": "documents"})["index_id"]
            tell(f"index {index}")
        with self._step("Vectorized") as tell:
            job = self.client.call("POST", "/vector/store/vectorize", {"chunking_job_id": chunking, "index_id": index})
            path = f"/vector/job/status/{job['vectorize_job_id']}"
            counted = ("completed_file_count", "failed_file_count", "total_file_count")
            self._ended(path, job["total_file_count"], counted, tell)
        return str(index)

    def _ended(self, path: str, total: int, counted: tuple[str, str, str], tell: Callable[[str], None]) -> None:
        """Wait for a job, and hold its counts against what they must be."""
        completed, failed, all_files = counted
        for state in self.client.until(lambda state: state["status"] in ENDS, path):
            tell(f"{state[completed]} of {state[all_files]} files")
        exact = (state["status"], state[completed], state[failed], state[all_files]) == ("COMPLETED", total, 0, total)
        _must(exact, f"the job ended as {state}")

    def _question(self, question: str, template: str, index: str) -> None:
        with self._step("Searched and answered"):
            found = self.client.call("POST", "/vector/search", {"query": question, "index_id": index})
            _must(bool(found), "nothing was found")
            passages = "\n\n".join(passage["text"] for passage in found[:PASSAGES])
            prompt = template.replace("{passages}", passages).replace("{question}", question)
            asked = {"model_name": self._model(), "prompt": prompt, "max_tokens": 60, "temperature": 0}
            answer = self.client.call("POST", "/model/invoke", asked)
            _must(bool(answer["output_text"].strip()), "the model had no answer")
        self._show(question, answer["output_text"].strip(), found[:PASSAGES])

    def _model(self) -> str:
        """The first text model that something serves."""
        models = self.client.call("GET", "/model/list_models")["text_models"]
        return next(str(model["model_name"]) for model in models if model.get("available", True))

    def _show(self, question: str, answer: str, passages: list[dict[str, Any]]) -> None:
        told = Table.grid(padding=(0, 1))
        told.add_row("[bold]Question[/]", question)
        told.add_row("[bold]Answer[/]", answer)
        for number, passage in enumerate(passages, 1):
            origin = f"{passage.get('file_name', '?')}, page {passage.get('page_number', '?')}"
            text = " ".join(passage["text"].split())
            told.add_row(f"[dim]Passage {number}[/]", f"[dim]{origin}: {text[:200]}{'…' if len(text) > 200 else ''}[/]")
        self.console.print(Panel(told, border_style="dim"), highlight=False)

    def _usage(self) -> None:
        with self._step("Usage accounted for") as tell:
            today = datetime.now(UTC).date().isoformat()
            for _ in range(20):  # a call is on the account at once, and in its lists within a second
                rows = self.client.call("GET", f"/usage/daily?start_date={today}&end_date={today}")
                if rows:
                    break
                time.sleep(0.1)
            _must(bool(rows), "no usage was recorded")
            tell(f"{sum(row['total_count'] for row in rows)} model calls today")
        table = Table("Date", "Model", "Calls", "Tokens in", "Tokens out")
        for row in rows:
            numbers = (row["total_count"], row["total_input_tokens"], row["total_output_tokens"])
            table.add_row(row["date"], row["model_name"], *map(str, numbers))
        self.console.print(table)


def _must(held: bool, otherwise: str) -> None:
    if not held:
        raise Refused(otherwise)
