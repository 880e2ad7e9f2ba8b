"""What is said of tasks whose workers ended."""

from __future__ import annotations

from onebox.errors import TaskTimeout, WorkerDied
from onebox.parallel.workers.remote import Remote


def death(worker: Remote, when: str) -> WorkerDied:
    """The process ended by itself, or somebody killed it."""
    how = worker.ending()
    remedy = "`retries` runs such tasks again."
    if "SIGKILL" in how:
        remedy = (
            "If nobody killed it, the system ran out of memory: use fewer workers (n_jobs) or smaller "
            "pieces."
        )
    error = WorkerDied(f"A worker process {how}, {when}. {remedy}")
    if worker.last_words():
        error.add_note(f"What it wrote when it crashed:\n{worker.last_words()}")
    return error


def late(worker: Remote, timeout: float | None) -> TaskTimeout:
    """We killed it, as its task took too long."""
    error = TaskTimeout(
        f"The task took longer than {timeout:g} s (`timeout`), and its worker was stopped. Allow more, "
        "or hand over smaller pieces."
    )
    if worker.last_words():
        error.add_note(f"Where it was when it was stopped:\n{worker.last_words()}")
    return error
