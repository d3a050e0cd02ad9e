"""manage.py over another set of capabilities: `rehearsal` alone, which exists in processes started by this file only."""

import os
import sys
from pathlib import Path

STAGE = Path(__file__).resolve().parent
ROOT = STAGE.parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.configuration")

import apps  # noqa: E402

apps.__path__ = [str(STAGE)]

if __name__ == "__main__":
    if sys.argv[1:] == ["demo"]:
        print("the demo was here", flush=True)
        sys.exit(int(os.environ.get("DEMO_ENDS_WITH", "0")))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
