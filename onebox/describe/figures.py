"""How figures, moments and long texts are written, wherever a description shows them."""

from __future__ import annotations

import re

SHOWN_LETTERS = 24


def short(text: str, letters: int = SHOWN_LETTERS) -> str:
    r"""A text on one line, cut where it is too long.

    >>> short("so  it\n goes", 8)
    'so it g…'
    """
    text = " ".join(text.split())
    return text if len(text) <= letters else text[: letters - 1] + "…"


def moment(text: str) -> str:
    """A date or a time without the zeros at its end.

    >>> moment("2024-05-01 00:00:00.000Z"), moment("2024-05-01 12:30:00.000")
    ('2024-05-01', '2024-05-01 12:30:00')
    """
    text = re.sub(r"\.0+(?=Z?$)", "", text)
    return re.sub(r" 00:00:00Z?$", "", text)


def figure(value: float) -> str:
    """Four digits that count, and whole numbers up to a million in full.

    >>> figure(0.123456), figure(18298.23), figure(1.5e12), figure(350.0)
    ('0.1235', '18298', '1.5e+12', '350')
    """
    size = abs(value)
    if size and not 1e-3 <= size < 1e7:
        return f"{value:.3g}"
    return f"{value:.0f}" if size >= 1e4 else f"{value:.4g}"


def grouped(value: float) -> str:
    """The same, with commas in what is large, and in full up to a million millions.

    >>> grouped(1234567890.8), grouped(1234.5), grouped(-1e13)
    ('1,234,567,891', '1234', '-1e+13')
    """
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e13 else figure(value)


def rounded(count: int) -> str:
    """Three digits of an estimate.

    >>> rounded(912), rounded(4_979_125)
    ('912', '4.98M')
    """
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)
