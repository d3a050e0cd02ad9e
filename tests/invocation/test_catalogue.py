"""Which model answers for which name, and what settings may say about it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from apps.invocation.catalogue import Catalogue, catalogue
from apps.invocation.records import Kind
from foundation.errors import Invalid
from tests.running import ROOT

LOCAL, MINILM = "smollm2-135m-instruct", "all-minilm-l6-v2"


def served(names: Catalogue, name: str) -> str:
    return names.serving(name, Kind.TEXT).by.name


def test_without_settings_an_old_name_is_refused_with_the_two_ways_to_serve_it():
    with pytest.raises(Invalid, match=r"OPENAI_MODELS.*MODEL_ALIASES=text:ANTHROPIC_CLAUDE_V2=smollm2-135m-instruct"):
        catalogue({}, {}).serving("ANTHROPIC_CLAUDE_V2", Kind.TEXT)


def test_without_settings_every_old_name_is_listed_and_none_is_answered_for():
    names = catalogue({}, {})
    answered = [model.name for model in names.models.values() if names.answering(model)]
    assert (len(names.models), answered) == (27, [LOCAL, MINILM])


def test_what_a_call_passes_on_its_way_reads_no_catalogue_on_the_event_loop():
    files = [*(ROOT / "apps/invocation").glob("*.py"), *(ROOT / "apps/invocation").glob("*/*.py")]
    reading = {
        path.relative_to(ROOT / "apps/invocation").as_posix()
        for path in files
        if re.search(r"catalogue import .*current|catalogue\.current", path.read_text())
    }
    assert reading == {"services.py", "asynchronous.py", "listing.py"}  # which run in threads


def test_a_pattern_covers_only_names_that_nothing_else_serves():
    names = catalogue({"llama": "text:llama3.2", "META_LLAMA3_8B_INSTRUCT_V1": "text:llama3:8b"}, {"text:*": LOCAL})
    assert served(names, "ANTHROPIC_CLAUDE_V2:1") == LOCAL
    assert served(names, "llama") == "llama"
    assert names.serving("META_LLAMA3_8B_INSTRUCT_V1", Kind.TEXT).by.id == "llama3:8b"


def test_a_pattern_brings_no_names_and_does_not_cross_kinds():
    names = catalogue({}, {"text:*": LOCAL})
    with pytest.raises(Invalid, match="Unsupported model: gpt-9"):
        names.serving("gpt-9", Kind.TEXT)
    with pytest.raises(Invalid, match="no provider"):
        names.serving("TITAN_TEXT_EMBED_V2", Kind.EMBED)


def test_an_exact_alias_wins_over_a_pattern_whatever_their_order():
    names = catalogue({"llama": "text:llama3.2"}, {"text:*": LOCAL, "text:ANTHROPIC_CLAUDE_V2": "llama"})
    assert (served(names, "ANTHROPIC_CLAUDE_V2"), served(names, "TITAN_TEXT_LITE_V1")) == ("llama", LOCAL)


def test_an_exact_alias_may_bring_a_name_which_is_then_listed():
    names = catalogue({}, {"text:our-assistant": LOCAL})
    assert served(names, "our-assistant") == LOCAL
    assert list(names.models)[-1] == "our-assistant"


def test_a_model_of_the_server_takes_the_place_of_an_old_name_in_the_list():
    names = catalogue({"ANTHROPIC_CLAUDE_V2": "text:claude"}, {})
    assert list(names.models).index("ANTHROPIC_CLAUDE_V2") == 5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"MODEL_ALIASES": "text:*=nothing"}, "MODEL_ALIASES lets 'nothing' answer; for text it may be one of smollm2"),
        ({"MODEL_ALIASES": "text:*=all-minilm-l6-v2"}, "MODEL_ALIASES"),
        ({"MODEL_ALIASES": "speech:*=smollm2-135m-instruct"}, "must begin with text: or embed:"),
        ({"OPENAI_MODELS": "llama=llama3.2", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "OPENAI_MODELS"),
        ({"OPENAI_MODELS": "llama=text:llama3.2", "OPENAI_BASE_URL": ""}, "OPENAI_BASE_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(settings: Mapping[str, str], named: str):
    code = "import sys; sys.path.insert(0, 'platform'); import django; django.setup(); import apps.invocation.catalogue"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("The configuration is wrong: ")
    assert named in done.stderr


def test_the_old_names_are_those_of_the_contract():
    contract = json.loads((ROOT / "apps/invocation/catalogue.json").read_text())
    assert contract["date"] and contract["source"]
    assert [model["kind"] for model in contract["models"]] == ["text"] * 21 + ["embed"] * 4 + ["text", "embed"]
