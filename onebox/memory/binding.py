"""Arguments of calls by their names, as `inspect.Signature.bind` gives them, and many times as fast."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Binding:
    """Gives the arguments of calls of one function their names, defaults filled in.

    Parameters
    ----------
    signature : inspect.Signature

    Notes
    -----
    Signatures with ``*args``, ``**kwargs`` or positional-only parameters, and calls that do not fit,
    are left to `inspect.Signature.bind`, which says what does not fit.
    """

    def __init__(self, signature: inspect.Signature) -> None:
        parameters = signature.parameters.values()
        self._signature = signature
        self._names = tuple(signature.parameters)
        self._simple = all(p.kind in _NAMED for p in parameters)
        self._n_positional = sum(p.kind is _NAMED[0] for p in parameters)
        self._defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self._rests = [self._names[n:] for n in range(self._n_positional + 1)]

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name the arguments of a call, in the order of the signature.

        Raises
        ------
        TypeError
            The call does not fit.
        """
        n = len(args)
        if self._simple and n <= self._n_positional:
            rest = self._rests[n]
            others = {**self._defaults, **kwargs} if kwargs else self._defaults
            with suppress(KeyError):  # one is missing
                given = dict(zip(self._names, args, strict=False))
                for name in rest:
                    given[name] = others[name]
                if kwargs.keys() <= set(rest):
                    return given
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments
