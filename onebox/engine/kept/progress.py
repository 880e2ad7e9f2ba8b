"""How far an estimator has come that learns block by block: its model and its position, kept in turns."""

from __future__ import annotations

import warnings
from typing import Any

from onebox.config import Settings
from onebox.data.view import View
from onebox.engine.kept.batches import Packed
from onebox.engine.kept.checkpoint import Checkpoint
from onebox.engine.kept.keeper import Keeper
from onebox.engine.kept.keys import recipe_key, value_key
from onebox.errors import BadInput, WrongType


class Learned:
    """The model and the position of one fit, as an earlier process has left them.

    Parameters
    ----------
    view : View
    settings : Settings
        Nothing is kept unless their cache is a `Memory`.
    job : str
        What messages call the fit.
    configuration : object
        All that decides what is learned from these rows, in which order; of parts with a key.
    """

    def __init__(self, view: View, settings: Settings, job: str, configuration: object) -> None:
        self._entry: Checkpoint | None = None
        keeper = Keeper.of(view, settings, job)
        if keeper is None:
            return
        try:
            recipe = f"{recipe_key(view, [])} {value_key(configuration)}"
        except (WrongType, BadInput) as error:
            warnings.warn(f"What {job} learns is not kept: {error}", stacklevel=3)
            return
        key = keeper.everything(f"model {recipe}")
        if key is not None:
            about = {"arguments": {"job": job}, "code": [], "version": ""}
            self._entry = Checkpoint(keeper.entries, key, about)

    def resume(self) -> tuple[Any, Any] | None:
        """Position and state to go on from; None to begin."""
        found = None if self._entry is None else self._entry.load()
        if found is None:
            return None
        position, packed = found
        return position, packed.shares([{}])[0][0]

    def offer(self, position: Any, state: Any) -> None:
        """Between two blocks: keep where the fit stands, every few seconds.

        Parameters
        ----------
        position : tuple of numbers
            What comes next.
        state : dict, tuple, list, array or dataclass of onebox
            Arrays, numbers and text. Copied when it is kept.
        """
        entry = self._entry
        if entry is not None and entry.is_due():
            entry.write(position, lambda: Packed.of([{0: state}], 0, 0))

    def finish(self) -> None:
        """The fit is complete: nothing is to go on from."""
        if self._entry is not None:
            self._entry.forget()
