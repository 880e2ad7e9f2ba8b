"""Tasks of a scan on a Dask cluster: what they find is merged there, and one summary comes back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle, islice
from typing import Any, TypeVar

from distributed import Client, Future
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from onebox.errors import BadInput, WorkerDied
from onebox.executors.crew import RETRIES, Crew
from onebox.executors.portable import Portable

T = TypeVar("T")
Item = TypeVar("Item")

TOGETHER = 8
"""Results that are merged into a state at a time."""
ANSWERS_WITHIN = 10
"""Seconds to wait for a scheduler."""
AHEAD = 4
"""Tasks that are under way, for each thread of the cluster."""
LOOKS_EVERY = 5
"""Seconds of waiting after which it is asked whether there is anybody to wait for."""
ALONE_SECONDS = 60
"""For how long a cluster may have no worker or no scheduler while tasks wait: others may be starting."""


class DaskCrew(Crew):
    """Submits tasks through a client.

    Parameters
    ----------
    client : distributed.Client
    owned : bool
        Whether to close it at the end.
    """

    folds = True

    def __init__(self, client: Client, *, owned: bool) -> None:
        if client.status != "running":
            raise BadInput(
                f"The dask Client is {client.status}. Make another one with Client(address), or say "
                "ob.config(executor='threads')."
            )
        if client.asynchronous:
            raise BadInput(
                "The dask Client is asynchronous, and a fit waits for its results. Make one with "
                "Client(address)."
            )
        self._client, self._owned = client, owned
        self.n_workers = sum(client.nthreads().values())
        if not self.n_workers:
            raise BadInput(
                f"The Dask cluster at {client.scheduler.address} has 0 workers. Start some, e.g. "
                "`dask worker ADDRESS`, or wait for them with client.wait_for_workers(1)."
            )

    def map(
        self, function: Callable[..., T], items: Iterable[Item], common: Sequence[Any] = ()
    ) -> Generator[T, None, None]:
        common = [self.share(value) for value in common]
        waiting: deque[Future] = deque()
        seats = self._seats()
        try:
            for item in items:
                waiting.append(self._submit(function, *common, item, workers=next(seats)))
                if len(waiting) >= AHEAD * self.n_workers:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            self._cancel(waiting)

    def fold(
        self,
        function: Callable[..., T],
        add: Callable[..., Any],
        end: Callable[..., Any],
        items: Iterable[Item],
        common: Sequence[Any] = (),
    ) -> Generator[int, None, Any]:
        common = [self.share(value) for value in common]
        state: Future | None = None
        steps: deque[tuple[Future, int]] = deque()
        seats = self._seats()
        try:
            for some in _batches(items):
                made = [self._submit(function, *common, x, workers=next(seats)) for x in some]
                # A lost state is computed again from what was read, on whoever is left.
                state = self._submit(add, *common, state, made)
                steps.append((state, len(made)))
                del made
                if len(steps) * TOGETHER >= AHEAD * self.n_workers + TOGETHER:
                    yield self._waited_for(*steps.popleft())
            while steps:
                yield self._waited_for(*steps.popleft())
            return self._result(self._submit(end, *common, state))
        finally:
            self._cancel([step for step, _ in steps])

    def share(self, value: Any) -> Any:
        if isinstance(value, Future):
            return value
        # A task, not scattered data: what is lost with its worker is made again.
        return self._submit(Portable(partial(_same, value)))

    def tell(self, function: Callable[..., object], *arguments: object) -> None:
        self._client.run(function, *arguments, on_error="ignore")

    def close(self) -> None:
        if self._owned:
            self._client.close()

    def _submit(
        self, function: Callable[..., Any], *arguments: Any, workers: str | None = None
    ) -> Future:
        return self._client.submit(
            function, *arguments, pure=False, retries=RETRIES,
            workers=workers, allow_other_workers=workers is not None,
        )  # fmt: skip

    def _seats(self) -> Iterator[str]:
        """Whom to give one task after the other: the same ones in every pass, while they live.

        They have then what they kept of the rows that the task is about.
        """
        threads = sorted(self._client.nthreads().items())
        return cycle([worker for worker, count in threads for _ in range(count)] or [""])

    def _result(self, future: Future) -> Any:
        patience = LOOKS_EVERY
        while True:
            self._wait(future)
            with _explained():
                if future.status == "error":  # which may be a TimeoutError of the task's own
                    return future.result()
                # Large ones take their time; others may be lost with their worker on the way.
                with suppress(TimeoutError):
                    return future.result(timeout=patience)
            patience *= 2

    def _waited_for(self, step: Future, count: int) -> int:
        """Wait for a state without fetching it."""
        self._wait(step)
        if step.status in ("error", "cancelled"):
            self._result(step)
        return count

    def _wait(self, future: Future) -> None:
        """Wait until a task is done or is given up, for as long as there is a cluster."""
        alone_since = None
        while True:
            with suppress(TimeoutError, FutureCancelledError):
                future.exception(timeout=LOOKS_EVERY)
            if future.done():
                return
            trouble = self._trouble()
            if trouble is None:
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since > ALONE_SECONDS:
                raise WorkerDied(
                    f"The Dask cluster {trouble} for {ALONE_SECONDS} s while tasks were waiting. Its "
                    "logs say why. Start workers, or another cluster, and start the fit again."
                )

    def _trouble(self) -> str | None:
        """Why nothing will come from the cluster; None when it has workers."""
        try:
            threads = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=ANSWERS_WITHIN
            )
        except (OSError, TimeoutError) as error:
            return f"has not answered ({error})"
        return None if threads else "has had 0 workers"

    def _cancel(self, futures: Iterable[Future]) -> None:
        left = list(futures)
        if left:
            self._client.cancel(left, force=True)


def _same(value: T) -> T:
    return value


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(islice(left, TOGETHER)):
        yield some


@contextmanager
def _explained() -> Iterator[None]:
    """Say in words of this library how a cluster lost a task."""
    try:
        yield
    except KilledWorker as error:
        raise WorkerDied(
            f"A task was lost with its worker {error.allowed_failures + 1} times: {error.task}, last on "
            f"{error.last_worker.address}. The workers' logs say why; most often their memory is too "
            "small: give them more, or fewer threads each."
        ) from error
    except FutureCancelledError as error:
        raise WorkerDied(
            f"The Dask cluster gave up a task ({error}): its scheduler was restarted or is gone. Start "
            "the fit again."
        ) from error


def crew(asked: Any, n_workers: int) -> DaskCrew:
    """Make the crew for a client, or for an address such as ``dask://host:8786``."""
    if isinstance(asked, Client):
        return DaskCrew(asked, owned=False)
    address = str(asked).partition("://")[2]
    if not address:
        raise BadInput(
            "executor='dask' needs an address: 'dask://host:8786', or a distributed.Client."
        )
    try:
        client = Client(f"tcp://{address}", set_as_default=False, timeout=ANSWERS_WITHIN)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"No Dask scheduler answers at {address}: {error}. Check host and port, or start one with "
            "`dask scheduler`."
        ) from error
    made = None
    try:
        made = DaskCrew(client, owned=True)
    finally:
        if made is None:
            client.close()
    return made
