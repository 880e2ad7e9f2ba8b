"""Texts of unknown origin in a page: names and values of columns are nobody's markup."""

from __future__ import annotations

import re
from html import escape

# What neither HTML nor XML can hold: control characters, halves of pairs, and two that are none.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def escaped(text: object) -> str:
    r"""A text that is harmless between tags and in quoted attributes.

    >>> escaped('<b onclick="run()">'), escaped("a\x00b")
    ('&lt;b onclick=&quot;run()&quot;&gt;', 'a�b')
    """
    return UNPRINTABLE.sub("\ufffd", escape(str(text)))


def isolated(text: object) -> str:
    """An escaped text whose direction of writing does not reach what stands around it."""
    return f"<bdi>{escaped(text)}</bdi>"


def percent(part: float, whole: float) -> str:
    """A share in three digits, never rounded to nothing or everything.

    >>> percent(1, 8), percent(0, 5), percent(1, 10**6), percent(999_999, 10**6)
    ('12.5 %', '0 %', '<0.1 %', '>99.9 %')
    """
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "<0.1 %"
    return ">99.9 %" if 99.9 < share < 100 else f"{share:.3g} %"
