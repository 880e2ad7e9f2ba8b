"""How many bytes a value of a type takes."""

from __future__ import annotations

import pyarrow as pa

from onebox.data.schema import NUMBER_WIDTHS, is_numeric


def type_width(kind: pa.DataType) -> int:
    """Bytes a value takes, text and the like at a guess that depends on the type only."""
    known = NUMBER_WIDTHS.get(kind.id)
    if known is not None:
        return known
    if is_numeric(kind):
        return 8
    try:
        return max(int(kind.bit_width) // 8, 4)
    except ValueError:
        return 32


def has_any_length(kind: pa.DataType) -> bool:
    """Whether values of a type are as long as they are, like text."""
    if kind.id in NUMBER_WIDTHS or is_numeric(kind):
        return False
    try:
        return not kind.bit_width
    except ValueError:
        return True
