"""A hundred files, and one more: what it takes to fit again with and without what was kept.

The full refit is that of scikit-learn-intelex's incremental ridge, whose summary cannot be kept a file.
TF-Transform's analyzer cache does, on paper, what is done here, a file at a time and without the order
of merging: it is not run.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks import data
from benchmarks.jobs.base import Job, Note, Size, Timed, job

SIZES: list[Size] = [(100, 122_880, 41)]
NAMES = "x0"


def _folder(size: Size) -> Path:
    """Files of one row group each, one more than asked for."""
    n_files, n_rows, n_columns = size
    folder = data.FOLDER / f"parts-{n_files}x{n_rows}x{n_columns}"
    if not (folder / "done").exists():
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder.mkdir(parents=True, exist_ok=True)
        for i in range(n_files + 1):
            X = np.random.default_rng(i).normal(size=(n_columns, n_rows))
            X[0] += X[1:5].sum(axis=0)
            table = pa.table({f"x{j}": column for j, column in enumerate(X)})
            pq.write_table(
                table, folder / f"part-{i:04d}.parquet", compression="zstd", row_group_size=n_rows
            )
        (folder / "done").touch()
    return folder


def _files(size: Size) -> list[str]:
    return sorted(map(str, _folder(size).glob("*.parquet")))


def _fit(files: list[str], cache: Any, threads: int) -> Any:
    import onebox as ob
    from onebox.linear_model import Ridge

    with ob.config(n_jobs=threads, **({} if cache is None else {"cache": cache})):
        rows = ob.dataset(files)
        return Ridge().fit(rows.drop(NAMES), rows[NAMES])


class Appending(Job):
    sizes = SIZES
    peer_name = "scikit-learn-intelex IncrementalRidge, all files"
    before: ClassVar[Any]
    after: ClassVar[Any]

    @staticmethod
    def prepare(size: Size) -> None:
        _folder(size)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        import onebox as ob

        files = _files(size)
        first, second = cls.before(files), cls.after(files)

        def timed(*, warm: bool) -> Note:
            if warm:
                _fit(files[:2], None, threads)
                return ""
            folder = Path(tempfile.mkdtemp(dir=data.FOLDER))
            try:
                start = time.perf_counter()
                _fit(first, ob.Memory(folder), threads)
                cold = time.perf_counter() - start
                start = time.perf_counter()
                model = _fit(second, ob.Memory(folder), threads)
                seconds = time.perf_counter() - start
                start = time.perf_counter()
                whole = _fit(second, None, threads)
                scratch = time.perf_counter() - start
                kept = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
            finally:
                shutil.rmtree(folder)
            same = ob.fingerprint(model) == ob.fingerprint(whole)
            note = (
                f"{seconds / scratch:.1%} of a fit from scratch ({scratch:.2f} s), "
                f"{'the same bits' if same else 'OTHER BITS'}; first fit, keeping: {cold:.2f} s; "
                f"kept: {kept / 1e6:.0f} MB"
            )
            return note, seconds

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import pyarrow.parquet as pq
        from sklearnex import config_context  # noqa: F401 (patches nothing, loads its threads)
        from sklearnex.linear_model import IncrementalRidge

        files = cls.after(_files(size))

        def timed(*, warm: bool) -> str:
            model = IncrementalRidge()
            for path in files[:1] if warm else files:
                table = pq.read_table(path, use_threads=threads > 1)
                X = np.column_stack([table.column(name).to_numpy() for name in table.column_names])
                model.partial_fit(X[:, 1:], X[:, 0])
            return f"coef {model.coef_.ravel()[0]:.3f}"

        return timed


@job
class AppendOneFile(Appending):
    """The last of 100 files is new."""

    title = "Ridge again, with 1 of 100 files new, 4.9 GB of Parquet"
    target = "at most 3 % of a full fit"
    before = staticmethod(lambda files: files[:-1])
    after = staticmethod(lambda files: files)


@job
class InsertOneFile(Appending):
    """One in the middle is new."""

    title = "Ridge again, with a file inserted in the middle"
    target = "at most 3 % of a full fit"
    before = staticmethod(lambda files: files[:50] + files[51:])
    after = staticmethod(lambda files: files)


@job
class DeleteOneFile(Appending):
    """One in the middle is gone."""

    title = "Ridge again, with a file deleted in the middle"
    target = "at most 3 % of a full fit"
    before = staticmethod(lambda files: files)
    after = staticmethod(lambda files: files[:50] + files[51:])
