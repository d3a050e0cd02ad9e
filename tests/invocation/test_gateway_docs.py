"""docs/gateway.md says nothing that is not so: its tests, headers, settings, paths, files and commands all exist."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from io import StringIO
from typing import Final

import pytest
from django.core.management import call_command, load_command_class

from apps.applications import services as applications
from apps.invocation.dialects.anthropic import errors as anthropic_errors
from apps.invocation.dialects.openai import errors as openai_errors
from apps.invocation.gateway.beginning import TAKES, TELLS
from foundation.errors import (
    Blocked,
    Forbidden,
    InvalidParameter,
    InvalidValue,
    ModelUnavailable,
    OverBudget,
    Problem,
    TooLong,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    Unprocessable,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamTimeout,
)
from foundation.openapi import described
from foundation.settings import Settings
from tests.running import ROOT, Platform

PAGE: Final = (ROOT / "docs/gateway.md").read_text()
APPS: Final = {
    "apps": "apps.applications",
    "keys": "apps.applications",
    "policies": "apps.applications",
    "calls": "apps.usage",
    "limits": "apps.invocation",
    "models": "apps.invocation",
    "doctor": "foundation",
    "worker": "foundation",
}
COMPARED: Final = PAGE.partition("\n## Against ")[2].partition("\nSources: ")[0]
ROWS: Final = tuple(line.strip("| ").split(" | ") for line in COMPARED.splitlines() if line.startswith("| "))[1:]
TESTS: Final = tuple(dict.fromkeys(re.findall(r"(tests/[\w/]+\.py)::((?:\w+::)?test_\w+)", PAGE)))
EXAMPLES: Final = tuple(re.findall(r"```python\n(from (?:openai|anthropic) .+?)```", PAGE, re.DOTALL))
CODE: Final = tuple(dict.fromkeys(re.findall(r"`([^`\n]+)`", PAGE)))
HEADERS: Final = tuple(code for code in CODE if re.fullmatch(r"x-[a-z-]+", code))
SETTINGS: Final = tuple(code for code in CODE if re.fullmatch(r"[A-Z]+(?:_[A-Z]+)+", code))
PATHS: Final = tuple(code for code in CODE if code.startswith(("/v1/", "/model/", "/usage/")))
FILES: Final = tuple(code for code in CODE if re.fullmatch(r"(?:apps|platform|docs|tests)/[\w/.]+\.\w+", code))


WALK: Final = (ROOT / "docs/architecture.md").read_text().partition("## A walk: one model call\n")[2].partition("\n## ")[0]
STEPS: Final = tuple(dict.fromkeys(re.findall(r"`(?:[\w/]+/)?(\w+\.py)(?:: (\w+))?`", WALK)))

FAULTS: Final[tuple[tuple[str, Problem], ...]] = (
    ("no good key or token", Unauthenticated("")),
    ("a model that the application may not call", Forbidden("")),
    ("no such model", UnknownModel("")),
    ("a model that is switched off, or that no provider runs", ModelUnavailable("")),
    ("a field without its form", Unprocessable(())),
    ("a field whose value has no meaning here", InvalidValue("", param="input")),
    ("a parameter that the model cannot honour", InvalidParameter("", param="tools")),
    ("a prompt that is too long", TooLong("")),
    ("a guard blocked it", Blocked("")),
    ("over a limit, ours or the provider's", TooMany("")),
    ("over a budget", OverBudget("")),
    ("the provider failed, or does not let us in", UpstreamFailed("")),
    ("the provider failed, or does not let us in", UpstreamDenied("")),
    ("the provider did not answer in time", UpstreamTimeout("")),
    ("nothing is left to try, or the journal is full", Unavailable("")),
)


def commands(page: str) -> Iterator[str]:
    """Every command of the page: those of its blocks, and those in its sentences."""
    for line in page.replace("\\\n", " ").splitlines():
        if line.startswith("manage.py "):
            yield line
    yield from (code for code in re.findall(r"`(manage\.py [^`]+)`", page))


def sources() -> str:
    """All of the code."""
    return "".join(path.read_text() for folder in ("apps", "platform") for path in (ROOT / folder).rglob("*.py"))


def test_the_page_has_what_is_looked_for() -> None:
    assert min(map(len, (TESTS, HEADERS, SETTINGS, PATHS, FILES, list(commands(PAGE))))) > 0
    assert len(TESTS) > 30


@pytest.mark.parametrize(("file", "name"), TESTS, ids="::".join)
def test_a_test_that_the_table_names_is_there(file: str, name: str) -> None:
    kind, _, function = name.rpartition("::")
    text = (ROOT / file).read_text()
    within = re.search(rf"^class {kind}\b.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL) if kind else None
    place, indent = (within[0] if within else "", "    ") if kind else (text, "")
    assert re.search(rf"^{indent}(?:async )?def {function}\(", place, re.MULTILINE), f"{file} has no {name}"


def test_every_header_that_it_names_is_in_the_code_and_every_header_of_a_call_is_named() -> None:
    code = sources()
    assert [header for header in HEADERS if f'"{header}"' not in code] == []
    assert [header for header in (*TAKES, *TELLS) if f"`{header}`" not in PAGE] == []


def test_every_setting_that_it_names_is_one() -> None:
    known = {each.metadata["name"] for each in fields(Settings)}
    assert [name for name in SETTINGS if name not in known] == []


def test_every_path_that_it_names_is_in_the_document_and_every_path_of_other_vendors_is_named() -> None:
    documented = set(described()["paths"])
    assert [path for path in PATHS if path not in documented] == []
    assert [path for path in documented if path.startswith("/v1/") and "{" not in path and f"`{path}`" not in PAGE] == []


def test_every_file_that_it_names_is_there() -> None:
    assert [file for file in FILES if not (ROOT / file).exists()] == []


@pytest.mark.parametrize(("what", "problem"), FAULTS, ids=lambda each: getattr(each, "code", ""))
def test_a_fault_is_said_in_each_dialect_as_the_page_has_it(what: str, problem: Problem) -> None:
    (row,) = (line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith(f"| {what} |"))
    _, own, openai, anthropic = row
    assert own == "reported" or (str(problem.status) in own and f"`{problem.code}`" in own)
    status, body = openai_errors.failure(problem)
    assert str(status) in openai and ("`" not in openai or f"`{body['error']['code']}`" in openai or "`param`" in openai)
    status, body = anthropic_errors.failure(problem)
    assert anthropic == f"{status} `{body['error']['type']}`"


@pytest.mark.parametrize(("file", "name"), STEPS, ids=str)
def test_the_way_of_a_call_is_told_by_the_files_and_functions_that_there_are(file: str, name: str) -> None:
    found = [path.read_text() for folder in ("apps", "platform") for path in (ROOT / folder).rglob(file)]
    assert found
    assert not name or any(re.search(rf"^(?:async )?(?:def|class) {name}\b", text, re.MULTILINE) for text in found)


@pytest.mark.parametrize("line", tuple(dict.fromkeys(commands(PAGE))))
def test_a_command_is_taken_as_it_stands(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, name, *arguments = shlex.split(line)
    parser = load_command_class(APPS[name], name).create_parser("manage.py", name)
    parser.called_from_command_line = True
    try:
        parser.parse_args(arguments)
    except SystemExit:
        pytest.fail(f"{line}: {capsys.readouterr().err.strip().splitlines()[-1]}")


@pytest.mark.parametrize("command", ["keys", "limits", "models", "calls"])
def test_every_action_of_a_command_is_shown(command: str) -> None:
    parser = load_command_class(APPS[command], command).create_parser("manage.py", command)
    (choices,) = (action.choices for action in parser._actions if action.dest == "action")
    assert [action for action in choices if not re.search(rf"manage\.py {command} {action}\b", PAGE)] == []


@pytest.mark.parametrize("source", tuple(dict.fromkeys(re.findall(r"\[([LPB]\d+)\]", COMPARED))))
def test_what_is_said_of_others_has_its_source(source: str) -> None:
    listed = re.search(rf"(?:^|· |\n)\[{source}\] ([^·]+)", PAGE.rpartition("\nSources: ")[2])
    assert listed
    assert re.search(r"https://|`[\w./]+\.(?:py|ts)`", listed[1])


def test_no_cell_of_the_table_is_without_its_proof() -> None:
    headings = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in re.findall(r"^#+ (.+)", PAGE, re.MULTILINE)}
    assert len(ROWS) > 40
    for feature, here, *others in ROWS:
        sections, pages = re.findall(r"\]\(#([\w-]+)\)", here), re.findall(r"\]\((\w+\.md)\)", here)
        assert sections or pages or re.search(r"tests/[\w/]+\.py::", here), feature
        assert set(sections) <= headings, feature
        assert all((ROOT / "docs" / page).exists() for page in pages), feature
        for product, cell in zip("LPB", others, strict=True):
            assert re.search(rf"\[{product}\d+\]", cell), f"{feature}: {cell}"


@pytest.fixture(scope="module")
def key(platform: Platform) -> str:
    """The key of an application that is onboarded as the page says."""
    return platform.new_key("My application")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.split()[1])
def test_an_example_of_an_sdk_runs(example: str, platform: Platform, key: str) -> None:
    exec(here(example, platform, key), {})


def test_the_example_without_an_sdk_runs(platform: Platform, key: str) -> None:
    (command,) = re.findall(r"```\n(curl .+?)```", PAGE, re.DOTALL)
    done = subprocess.run(here(command, platform, key), shell=True, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["object"] == "chat.completion"


def here(example: str, platform: Platform, key: str) -> str:
    """An example with the address and the key of this platform."""
    return example.replace("http://127.0.0.1:8000", platform.url).replace("gaf_...", key)


def test_what_an_administrator_is_shown_can_be_done_in_its_order() -> None:
    """The commands that change models, limits and policies; keys have ids of their own, and no provider is asked."""
    applications.create("My application", "It calls models.")
    for line in dict.fromkeys(commands(PAGE)):
        if re.match(r"manage\.py (?:models|limits|policies) ", line) and not re.search(
            r"models (?:test|refresh|add gpt)", line
        ):
            _, name, *arguments = shlex.split(line.replace(" --fallback gpt", ""))
            call_command(name, *arguments, stdout=StringIO())
