"""The graph of the embedding model is built once a machine, whoever comes first."""

import subprocess
import sys
from pathlib import Path

from tests.running import ROOT

BUILD = """
import sys; sys.path[:0] = ["platform", "."]
from pathlib import Path
from apps.invocation.adapters.local.embeddings import PACKAGE
from apps.invocation.adapters.local.text import carried
from apps.invocation.adapters.local.minilm import graph
print(graph(carried(PACKAGE, "model/model.safetensors"), Path(sys.argv[1])))
"""


def test_two_processes_at_once_build_one_graph_and_leave_nothing_else(tmp_path: Path):
    started = [
        subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    places = {process.communicate(timeout=120)[0].strip() for process in started}
    assert len(places) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["all-minilm-l6-v2-1"]
    assert sorted(path.suffix for path in next(tmp_path.iterdir()).iterdir()) == [".onnx", ".weights"]
