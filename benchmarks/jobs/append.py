"""A hundred files, and one more: what it takes to fit again with and without what was kept.

The full refit is that of scikit-learn-intelex's incremental ridge, whose summary cannot be kept a file.
TF-Transform's analyzer cache is not run: see "Kept summaries" in the decision records for what it would
take on paper.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

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


class Cost(NamedTuple):
    """What a fit took."""

    model: Any
    seconds: float
    cpu: float


def _fit(files: list[str], folder: Path | None, threads: int) -> Cost:
    import onebox as ob
    from onebox.linear_model import Ridge

    start, cpu = time.perf_counter(), time.process_time()
    with ob.config(n_jobs=threads, **({} if folder is None else {"cache": ob.Memory(folder)})):
        rows = ob.dataset(files)
        model = Ridge().fit(rows.drop(NAMES), rows[NAMES])
    return Cost(model, time.perf_counter() - start, time.process_time() - cpu)


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
                whole = _fit(second, None, threads)
                cold = _fit(first, folder, threads)
                again = _fit(second, folder, threads)
                kept = _bytes_of(folder) / sum(os.path.getsize(path) for path in first)
            finally:
                shutil.rmtree(folder)
            same = ob.fingerprint(again.model) == ob.fingerprint(whole.model)
            keeping = cold.cpu / len(first) / (whole.cpu / len(second)) - 1
            note = (
                f"from scratch {whole.seconds:.2f} s (CPU {whole.cpu:.2f} s), with the cache "
                f"{again.seconds:.3f} s (CPU {again.cpu:.3f} s): {again.seconds / whole.seconds:.1%}, "
                f"{'the same bits' if same else 'OTHER BITS'}; {again.model.fit_report_.bytes_read:,} "
                f"bytes read; keeping took {keeping:+.1%} CPU; kept: {kept:.2%} of the data"
            )
            return note, again.seconds

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        import pyarrow.parquet as pq
        from sklearnex import config_context  # noqa: F401 (patches nothing, loads its threads)
        from sklearnex.linear_model import IncrementalRidge

        files = cls.after(_files(size))

        def timed(*, warm: bool) -> str:
            model, cpu = IncrementalRidge(), time.process_time()
            for path in files[:1] if warm else files:
                table = pq.read_table(path, use_threads=threads > 1)
                X = np.column_stack([table.column(name).to_numpy() for name in table.column_names])
                model.partial_fit(X[:, 1:], X[:, 0])
            cpu = time.process_time() - cpu
            return f"the peer's CPU {cpu:.2f} s, coef {model.coef_.ravel()[0]:.3f}"

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


@job
class Keeping(Job):
    """A first fit that keeps its summaries, beside one that does not, turn and turn about."""

    title = "Ridge, 40 files for the first time, keeping what they come to"
    peer_name = "the same without a cache"
    target = "at most 3 % of the fit"
    sizes: ClassVar[list[Size]] = [(100, 122_880, 41)]
    TURNS = 7

    @staticmethod
    def prepare(size: Size) -> None:
        _folder(size)

    @classmethod
    def ours(cls, size: Size, threads: int) -> Timed:
        files = _files(size)[:40]

        def timed(*, warm: bool) -> Note:
            if warm:
                _fit(files[:2], None, threads)
                return ""
            with _clocks() as spent:
                pairs = [
                    (_fit(files, None, threads), _kept(files, threads)) for _ in range(cls.TURNS)
                ]
            share = sum(spent) / sum(kept.cpu for _, kept in pairs)
            told = [f"{share:.1%} of the CPU time by the clocks of its threads"]
            for name in ("seconds", "cpu"):
                ratios = [getattr(kept, name) / getattr(plain, name) - 1 for plain, kept in pairs]
                low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
                told.append(f"{name} {middle:+.1%} ({low:+.1%} to {high:+.1%})")
            note = f"keeping took, in {cls.TURNS} pairs (median, quartiles), {', '.join(told)}"
            return note, float(np.median([kept.seconds for _, kept in pairs]))

        return timed

    @classmethod
    def peer(cls, size: Size, threads: int) -> Timed:
        files = _files(size)[:40]

        def timed(*, warm: bool) -> Note:
            if warm:
                _fit(files[:2], None, threads)
                return ""
            fits = [_fit(files, None, threads) for _ in range(cls.TURNS)]
            return "", float(np.median([fit.seconds for fit in fits]))

        return timed


@contextmanager
def _clocks() -> Iterator[list[float]]:
    """CPU seconds that looking for summaries, copying and writing them takes, call by call."""
    from onebox.engine.kept import KeptScan, keeper, shelf

    spent: list[float] = []
    timed = [
        (KeptScan, n) for n in ("open", "has", "find_beginning", "keep", "note_state", "close")
    ]
    timed += [(shelf.Shelf, "_write"), (keeper.Keeper, "__init__")]
    before = [(owner, name, getattr(owner, name)) for owner, name in timed]

    def counted(function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                spent.append(time.thread_time() - start)

        return call

    try:
        for owner, name, function in before:
            setattr(owner, name, counted(function))
        yield spent
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _kept(files: list[str], threads: int) -> Cost:
    folder = Path(tempfile.mkdtemp(dir=data.FOLDER))
    try:
        return _fit(files, folder, threads)
    finally:
        shutil.rmtree(folder)
