"""`Memory`: results of functions kept on disk, found again as long as nothing that made them changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, overload

from onebox.config import parse_bytes
from onebox.errors import BadInput
from onebox.memory.cached import Cached, name_of
from onebox.memory.cached_async import CachedCoroutine
from onebox.memory.cached_generator import CachedGenerator
from onebox.memory.entries import Entries, Folder
from onebox.memory.recipes import describe_file
from onebox.memory.shelf import Shelf
from onebox.memory.trust import Signed, Signer

P = ParamSpec("P")
T = TypeVar("T")


class Memory:
    """A folder in which results of functions are kept.

    A result is found again when the function, all of the user's own code and constants that it
    names, the versions of the packages that it names, and the arguments are the same; in any
    process, on any machine. Going back to old code finds the old results.

    Parameters
    ----------
    folder : path
        Where the results are; made when the first one is kept. It may be shared by machines.
    limit : int or str, optional
        Most bytes on the disk, such as ``"20GB"``: results that save the fewest seconds per byte
        are deleted, and none that is open.
    behind : Memory or path, optional
        Where to look for what is not in this folder, such as a shared one behind a local one.
        Results from there are kept here too; new ones are kept in both.
    compress : {"lz4", "zstd"}, optional
        Compress the arrays of large results. They take less room and are read into memory, where
        others can be mapped.
    readonly : bool, default=False
        Only look for results.
    signed : {"private", "group"}, default="private"
        Results that need pickle, or classes of other packages, run code when they are read. They
        are signed, and read only if the signature is right: with a key of yours alone, or with one
        that lies in the folder. Whoever reads that can run code as everyone who uses the folder.

    Notes
    -----
    Arrays, tables, sparse matrices, numbers, text, containers of these and models of onebox are
    stored without pickle and need no signature. Small results (up to 32 KB) are packed together,
    each large one has a file of its own. When the folder cannot be written to, or is full, results
    are handed on and not kept, with a warning.

    Several threads and processes that ask for one result at the same time compute it once on one
    machine. A killed process leaves nothing that could be taken for a result: entries appear whole,
    and carry checksums, which copying reads verify.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, onebox as ob
    >>> memory = ob.Memory(tempfile.mkdtemp())
    >>> @memory.cache
    ... def squares(n):
    ...     print("computing")
    ...     return np.arange(n) ** 2
    >>> squares(4)
    computing
    array([0, 1, 4, 9])
    >>> squares(4)
    array([0, 1, 4, 9])
    """

    def __init__(
        self, folder: str | Path, *, limit: int | str | None = None,
        behind: Memory | str | Path | None = None, compress: str | None = None,
        readonly: bool = False, signed: Signed = "private",
    ) -> None:  # fmt: skip
        if signed not in ("private", "group"):
            raise BadInput(f"signed={signed!r} is neither 'private' nor 'group'.")
        if compress not in (None, "lz4", "zstd"):
            raise BadInput(f"compress={compress!r} is neither None nor 'lz4' nor 'zstd'.")
        self.folder = Path(folder)
        self.limit = None if limit is None else parse_bytes(limit, "limit")
        layer = Memory(behind) if isinstance(behind, str | Path) else behind
        self._folder: Folder = Folder(
            Shelf(self.folder, self.limit, describe_file), Signer(self.folder, signed), compress,
            readonly, None if layer is None else layer._folder,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Memory({str(self.folder)!r})"

    def entries(self, name: str) -> Entries:
        """Results by key, for what is no function.

        Parameters
        ----------
        name : str
            What they are listed under.
        """
        return Entries(self._folder, name)

    @overload
    def cache(self, function: Callable[P, T]) -> Cached[P, T]: ...

    @overload
    def cache(
        self, function: None = None, *, ignore: Iterable[str] = (), files: Iterable[str] = (),
        version: object = None, expires: float | timedelta | None = None,
    ) -> Callable[[Callable[P, T]], Cached[P, T]]: ...  # fmt: skip

    def cache(
        self, function: Callable[P, T] | None = None, *, ignore: Iterable[str] = (),
        files: Iterable[str] = (), version: object = None,
        expires: float | timedelta | None = None,
    ) -> Any:  # fmt: skip
        """Keep the results of a function: a decorator, with or without arguments.

        Parameters
        ----------
        function : callable
            A plain function, a method (its object is an argument like any other), an ``async``
            function, or a generator function: its items are written as they come, kept when it is
            exhausted, and played back one at a time.
        ignore : iterable of str
            Arguments that do not change the result, such as ``verbose``.
        files : iterable of str
            Arguments that are paths of files, or lists of them: what is in the files counts, not
            what they are called. It is read at each call.
        version : object
            Part of the key: change it to compute anew what code does not tell of, such as a
            database that is asked.
        expires : seconds or timedelta, optional
            Age at which a result is computed anew.

        Returns
        -------
        Cached

        Raises
        ------
        BadInput
            For an ``async`` generator function, or a name in `ignore` or `files` that is no
            argument.
        """
        if function is None:
            return lambda function: self.cache(
                function, ignore=ignore, files=files, version=version, expires=expires
            )
        ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        files = (files,) if isinstance(files, str) else tuple(files)
        seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
        entries = self.entries(name_of(function))
        kind: type[Cached[..., Any]] = Cached
        if inspect.isgeneratorfunction(function):
            kind = CachedGenerator
        elif inspect.iscoroutinefunction(function):
            kind = CachedCoroutine
        return kind(entries, function, ignore, files, version, seconds)
