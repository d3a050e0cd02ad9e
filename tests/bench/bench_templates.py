"""Time that writing all CloudFormation templates takes, with the start of the process: `manage.py templates --check`.

Run: `python -m tests.bench templates`. Median of five runs. Fails when it takes longer than it may.
"""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

RUNS = 5
MOST = 3  # seconds


def main() -> int:
    seconds = median(run() for _ in range(RUNS))
    print(f"templates: {seconds:.2f} s for all files, of {MOST} that it may take")
    return int(seconds > MOST)


def run() -> float:
    """Seconds of one run."""
    root = Path(__file__).resolve().parents[2]
    before = time.perf_counter()
    subprocess.run([sys.executable, "manage.py", "templates", "--check"], cwd=root, check=True)
    return time.perf_counter() - before
