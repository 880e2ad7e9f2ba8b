"""``python -m benchmarks.allocators``: what Arrow's allocators keep beyond what readers ask for.

Row groups are decoded in batches and dropped, in a process of its own for each line. Growth is the
high-water mark of resident memory minus what was resident before the first batch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.measure import status

BACKENDS = ("mimalloc", "jemalloc", "system")
ROWS = 1_500_000
BATCHES = (24_576, data.ROWS_PER_GROUP)
COLUMNS = (8, 41)


def child(n_columns: int, batch: int, threads: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = data.table(ROWS)
    footer = pq.read_metadata(path)
    names = footer.schema.names[-n_columns:]

    def decode(group: int) -> int:
        file = pq.ParquetFile(path, metadata=footer, pre_buffer=False, buffer_size=2**18)
        batches = file.iter_batches(batch, row_groups=[group], columns=names, use_threads=False)
        return sum(rows.num_rows for rows in batches)

    before, start = status("VmRSS"), time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(decode, range(footer.num_row_groups)))
    found = {
        "seconds": time.perf_counter() - start,
        "growth": status("VmHWM") - before,
        "pool": pa.default_memory_pool().max_memory(),
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.allocators", description=__doc__)
    parser.add_argument("--child", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    data.table(ROWS)
    table = Table(title="Resident memory beside what Arrow holds", header_style="bold")
    for heading in ("columns", "rows a batch", "threads", "allocator", "pool's peak", "growth",
                    "ratio", "seconds"):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "allocator" else "right")
    for columns, batch, threads, backend in product(COLUMNS, BATCHES, (1, 2), BACKENDS):
        command = [sys.executable, "-m", "benchmarks.allocators", "--child"]
        done = subprocess.run(
            [*command, str(columns), str(batch), str(threads)], capture_output=True, text=True,
            env=dict(os.environ, ARROW_DEFAULT_MEMORY_POOL=backend), check=True,
        )  # fmt: skip
        found = json.loads(done.stdout)
        table.add_row(
            str(columns), f"{batch:,}", str(threads), backend, f"{found['pool'] / 1e6:.0f} MB",
            f"{found['growth'] / 1e6:.0f} MB", f"{found['growth'] / found['pool']:.2f}",
            f"{found['seconds']:.2f}",
        )  # fmt: skip
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
