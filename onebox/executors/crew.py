"""Who runs the tasks of a scan in other processes or on other machines.

The tasks carry where rows are, not the rows; what comes back are summaries. Everything that decides
about bits (which rows a task takes, and in which order what it brings is merged) is settled before
it gets here: a crew only finds somebody to do the work.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

RETRIES = 2
"""How often a task is given to somebody else when it raised or was lost."""


class Crew(ABC):
    """Runs functions elsewhere: one method is enough.

    Attributes
    ----------
    n_workers : int
        How many tasks run at a time.
    maps_memory : bool
        Whether `share` lays large arrays where every worker sees them. If not, rows that lie in the
        caller's memory go with the tasks that are about them.
    folds : bool
        Whether results can be merged where they are: then `fold` is called where `map` need not be.
    """

    n_workers: int = 1
    maps_memory: bool = False
    folds: bool = False

    @abstractmethod
    def map(
        self, function: Callable[..., T], items: Iterable[Item], common: Sequence[Any] = ()
    ) -> Generator[T, None, None]:
        """Yield ``function(*common, item)`` for each item, in their order.

        Items are drawn as workers need them, by the caller's thread, and a bounded number is under
        way. A task that raises, or whose worker is lost, runs again elsewhere, `RETRIES` times: for
        what is final, functions return and do not raise. Closing the generator stops what runs.
        """

    def fold(
        self,
        function: Callable[..., T],
        add: Callable[..., Any],
        end: Callable[..., Any],
        items: Iterable[Item],
        common: Sequence[Any] = (),
    ) -> Generator[int, None, Any]:
        """Merge what `map` would yield, in its order, without bringing it here; where `folds`.

        ``add(*common, state, made)`` makes the next state of one, None at first, and a list of
        results, and changes neither; ``end(*common, state)`` makes of the last one what is returned.
        Yields how many items are done since it last did.
        """
        raise NotImplementedError

    def share(self, value: T) -> T:
        """Something that stands for a value among `common`, and costs less to hand out again."""
        return value

    def tell(self, function: Callable[..., object], *arguments: object) -> None:  # noqa: B027 (a courtesy)
        """Call a function in every worker, as far as they can be reached."""

    def close(self) -> None:  # noqa: B027 (few have anything to close)
        """Let go of all that was shared."""
