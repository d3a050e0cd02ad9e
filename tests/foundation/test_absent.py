"""What no process asks a library for is not loaded with it."""

import subprocess
import sys

import pytest

from foundation.absent import absent
from tests.conformance.processes import outputs, python
from tests.running import ROOT

SHOWN = "import foundation.asgi, sys; print(*sorted({'pygments', 'requests', 'rest_framework', 'yaml'} & set(sys.modules)))"

COMMANDS = "from apps.invocation.management.commands import limits, models; print('rest_framework.views' in sys.modules)"


def test_what_is_absent_is_there_again_afterwards() -> None:
    with absent("requests", "never_installed"), pytest.raises(ImportError):
        import requests
    import requests

    assert requests.get and "never_installed" not in sys.modules


def test_who_serves_models_has_loaded_nothing_that_only_a_library_wanted() -> None:
    environment = {"SERVE": "invocation", "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
    shown = subprocess.run([sys.executable, "-c", SHOWN], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert shown.stdout.split() == ["rest_framework"]


def test_a_command_about_models_begins_without_what_only_requests_over_http_need() -> None:
    assert outputs([python(COMMANDS)]) == ["False\n"]
