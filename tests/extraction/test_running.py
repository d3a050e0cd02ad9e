"""Extraction on the running platform, as the original's clients drive it: web server, queue and workers of their own."""

import requests

from tests.extraction.pdfs import Sheet, pdf
from tests.running import Api, wait_for

ENDED = ("COMPLETED", "FAILED", "COMPLETED_WITH_ERRORS")


def test_documents_are_extracted_by_the_workers_of_a_running_platform(api: Api):
    documents = {
        "letter.pdf": pdf(Sheet().text(60, 80, "A letter."), Sheet().text(60, 80, "Its second page.")),
        "notes.md": b"# Notes\n",
        "broken.pdf": b"%PDF-1.7 and nothing more",
    }
    job = api.ok("GET", "/document/extraction/create_job")["extraction_job_id"]
    for name, content in documents.items():
        asked = api.ok("POST", "/document/extraction/register_file", {"extraction_job_id": job, "file_name": name})
        assert requests.put(asked["upload_url"], data=content, timeout=30).status_code == 200
    api.ok("POST", "/document/extraction/start_job", {"extraction_job_id": job})
    path = f"/document/extraction/job_status/{job}"
    ended = wait_for(lambda: (state := api.ok("GET", path))["status"] in ENDED and state)
    assert ended == {
        "job_id": job,
        "completed_file_count": 2,
        "total_file_count": 3,
        "failed_file_count": 1,
        "status": "COMPLETED_WITH_ERRORS",
    }
    results = {file["file_name"]: file for file in api.ok("GET", f"/document/extraction/job_results/{job}")["files"]}
    assert sorted(results) == ["letter.pdf", "notes.md"]
    letter = requests.get(results["letter.pdf"]["extracted_text_url"], timeout=30)
    assert letter.headers["Content-Type"] == "application/json"
    assert [page["page_text"] for page in letter.json()["pages"]] == ["A letter.", "Its second page."]
    broken = api.ok("POST", "/document/extraction/file_status", {"extraction_job_id": job, "file_name": "broken.pdf"})
    assert broken["status"] == "FAILED" and "damaged or cut off" in broken["reason"]
