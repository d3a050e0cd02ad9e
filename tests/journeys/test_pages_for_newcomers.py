"""What README.md and docs/documents.md tell a newcomer to type, typed: in a shell, beside a running platform."""

import re
import subprocess
import uuid

import pytest

from tests.running import ROOT, Platform

README = r"\n  (CLIENT_ID=.*?)\n  ```"  # the block in its list
DOCUMENTS = r"```sh\n(.*?)```"


def typed(platform: Platform, page: str, blocks: str) -> str:
    """What the page's commands print, for an application of their own; fails with the first command that does."""
    made = platform.create_application(f"Newcomer {uuid.uuid4().hex[:8]}")
    found = re.findall(blocks, (ROOT / page).read_text(), re.DOTALL)
    assert found, f"{page} has no such block"
    said = "\n".join(found).replace("http://127.0.0.1:8000", platform.url)
    named = {"CLIENT_ID": made["client_id"], "CLIENT_SECRET": made["client_secret"]}
    for name, value in named.items():
        said = said.replace(f"{name}=...", f"{name}='{value}'")
    command = ["timeout", "120", "bash", "-e", "-o", "pipefail", "-c", said]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("page", "blocks", "shown"),
    [
        ("README.md", README, ['"output_text"']),
        (
            "docs/documents.md",
            DOCUMENTS,
            [
                '"extracted_text_url"',
                '"status":"COMPLETED"',
                '"file_name":"handbook.pdf"',
                "42 euros",
                '"output_text"',
                '"cost_usd"',
            ],
        ),
    ],
)
def test_what_the_page_says_to_type_works(platform: Platform, page: str, blocks: str, shown: list[str]) -> None:
    printed = typed(platform, page, blocks)
    assert [each for each in shown if each not in printed] == []
