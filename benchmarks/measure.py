"""One run of one side of a job, in this process; prints seconds and bytes as JSON.

Imports and opening the input are not timed. Peak memory is how far the process grew beyond what was
resident when the timed part began: the high-water mark is reset there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.jobs import JOBS


def status(key: str) -> int:
    """A field of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    name, side, size, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    job = JOBS[name]
    run = getattr(job, side)(job.sizes[size], threads)
    run(warm=True)
    Path("/proc/self/clear_refs").write_text("5")
    before, start = status("VmRSS"), time.perf_counter()
    note = run(warm=False)
    seconds = time.perf_counter() - start
    peak = status("VmHWM") - before
    if isinstance(note, tuple):
        note, seconds = note
    elif callable(note):
        note = note()
    print(json.dumps({"seconds": seconds, "peak": peak, "note": note}))


if __name__ == "__main__":
    main()
