"""Exceptions on their way between processes: with every frame of their tracebacks, and their causes.

A traceback cannot be pickled, but where it went through can: file, line and name of each frame. The
receiver makes a real traceback of these, so that whatever prints it (a terminal, pytest, a notebook)
finds the lines of source itself, also those of notebook cells.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, TracebackType

import cloudpickle

from onebox.errors import RemoteError

OURS = str(Path(__file__).parent)

Frames = list[tuple[str, int, str]]


@dataclass
class Packed:
    """One exception of a chain."""

    pickled: bytes | None
    name: str
    text: str
    frames: Frames
    notes: list[str] = field(default_factory=list)
    cause: int | None = None
    context: int | None = None
    suppressed: bool = False


def pack_failure(error: BaseException) -> bytes:
    """Pickle an exception, those that it was raised from, and where all of them came from."""
    chain: list[BaseException] = []
    _gather(error, chain)
    place = {id(one): at for at, one in enumerate(chain)}
    packed = [
        Packed(
            _pickled(one), type(one).__qualname__, _text(one), list(_frames(one.__traceback__)),
            list(getattr(one, "__notes__", ())), place.get(id(one.__cause__)),
            place.get(id(one.__context__)), one.__suppress_context__,
        )
        for one in chain
    ]  # fmt: skip
    return pickle.dumps(packed)


def unpack_failure(data: bytes | memoryview) -> Exception:
    """Make the exception again."""
    packed: list[Packed] = pickle.loads(data)
    made = [_exception(one) for one in packed]
    for error, one in zip(made, packed, strict=True):
        error.__traceback__ = _traceback(one.frames)
        error.__context__ = None if one.context is None else made[one.context]
        error.__cause__ = None if one.cause is None else made[one.cause]
        error.__suppress_context__ = one.suppressed
    return made[0]


def as_failure(error: BaseException) -> Exception:
    """Turn what should not end the caller, such as SystemExit, into something that a task may raise."""
    if isinstance(error, Exception):
        return error
    failure = RemoteError(
        f"The task raised {type(error).__qualname__}: {_text(error) or 'no text'}."
    )
    failure.__cause__ = error
    return failure


def _gather(error: BaseException | None, chain: list[BaseException]) -> None:
    while error is not None and not any(error is one for one in chain):
        chain.append(error)
        _gather(error.__cause__, chain)
        error = error.__context__


def _pickled(error: BaseException) -> bytes | None:
    if not isinstance(error, Exception):
        return None
    try:
        pickled: bytes = cloudpickle.dumps(error)
        # One whose constructor wants other arguments fails only here; better now than over there.
        again = pickle.loads(pickled)
    except Exception:
        return None
    return pickled if isinstance(again, Exception) else None


def _exception(packed: Packed) -> Exception:
    error: Exception | None = None
    if packed.pickled is not None:
        try:
            error = pickle.loads(packed.pickled)
        except Exception:  # a class that is only there
            error = None
    if error is None:
        error = RemoteError(f"{packed.name}: {packed.text}")
        for note in packed.notes:
            error.add_note(note)
    return error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text could not be made)"


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    ours = True  # what leads to the task is of no interest
    while traceback is not None:
        code = traceback.tb_frame.f_code
        ours = ours and code.co_filename.startswith(OURS)
        if not ours:
            yield code.co_filename, traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next


def _traceback(frames: Frames) -> TracebackType | None:
    made = None
    for filename, line, name in reversed(frames):
        # An instruction of -1: the line is the one given, and no column is known.
        made = TracebackType(made, _frame(filename, name), -1, line)
    return made


def _frame(filename: str, name: str) -> FrameType:
    """Make a frame of a function of that name in that file."""
    # Of a generator that has not begun: one of running code knows its callers, and an exception that
    # is kept would keep all that they hold.
    (code,) = (
        one for one in compile("(0 for _ in ())", filename, "eval").co_consts
        if isinstance(one, CodeType)
    )  # fmt: skip
    made = FunctionType(code.replace(co_name=name, co_qualname=name), {})(iter(()))
    frame = made.gi_frame
    assert isinstance(frame, FrameType)
    return frame
