#!/usr/bin/env python
"""The one way in for operators: `python manage.py help` lists what it can do."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "platform"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.configuration")


def main() -> None:
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (after the path is set)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
