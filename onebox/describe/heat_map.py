"""Correlations drawn as a heat map: one cell a pair, names along the diagonal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onebox.describe.correlations import Correlations
from onebox.describe.figures import short
from onebox.describe.markup import escaped

LEVELS = 10  # shades of each sign
MANY = 60  # of more columns it is rows, not cells, that tell their numbers: a page stays small
FEW = 14  # of as many columns the numbers stand in the cells


def heat_map(correlations: Correlations) -> str:
    """The cells below the diagonal. A row goes left of a name, and its column down from there."""
    n = len(correlations.names)
    cell = 38 if n <= FEW else 22 if n <= MANY else 10
    letters = 15 if n <= MANY else 8  # of the type; a letter is some 0.6 as wide
    names = [short(name, 22) for name in correlations.names]
    width = cell * n + 8 + int(0.62 * letters * max(map(len, names)))
    levels = np.rint(LEVELS * correlations.values)
    draw = _row_of_many if n > MANY else _row_of_cells
    rows = "".join(draw(correlations, levels[i], i, cell) for i in range(1, n))
    labels = "".join(
        f'<text x="{i * cell + 4}" y="{(i + 0.5) * cell:g}">{escaped(name)}</text>'
        for i, name in enumerate(names)
    )
    label = escaped(f"Correlations of {n} columns. The strongest are in the table beside it.")
    return (
        f'<svg class="heat" viewBox="0 0 {width} {cell * n}" width="{width}" height="{cell * n}" '
        f'font-size="{letters}" role="img" aria-label="{label}">'
        f'<path class="l0" d="{_staircase(n, cell)}"/>{rows}{labels}</svg>'
    )


def legend() -> str:
    """The shades from -1 to 1."""
    names = [_shade(level) for level in range(-LEVELS, LEVELS + 1)]
    cells = "".join(
        f'<path class="{name}" d="M{8 * i} 0h8v10h-8z"/>' for i, name in enumerate(names)
    )
    return (
        '<p class="legend">-1 <svg viewBox="0 0 168 10" width="168" height="10" '
        f'aria-hidden="true">{cells}</svg> 1</p>'
    )


def _row_of_cells(
    correlations: Correlations, levels: NDArray[np.float64], i: int, cell: int
) -> str:
    """Cells that tell their own numbers, within the cells where there is room."""
    row = []
    for j in range(i):
        value = float(correlations.values[i, j])
        shown = "not known" if np.isnan(value) else f"{value:.2f}"
        title = escaped(f"{correlations.names[j]}, {correlations.names[i]}: {shown}")
        shade = _shade(levels[j])
        row.append(
            f'<path class="{shade}" d="M{j * cell} {i * cell}h{cell}v{cell}h-{cell}z">'
            f"<title>{title}</title></path>"
        )
        if len(correlations.names) <= FEW and not np.isnan(value):
            deep = " deep" if abs(levels[j]) > LEVELS / 2 else ""
            row.append(
                f'<text class="number{deep}" x="{(j + 0.5) * cell:g}" y="{(i + 0.5) * cell:g}">'
                f"{shown}</text>"
            )
    return "".join(row)


def _row_of_many(correlations: Correlations, levels: NDArray[np.float64], i: int, cell: int) -> str:
    """The cells of a row, a path a shade; the row tells its strongest correlation."""
    values = np.nan_to_num(correlations.values[i].copy())
    values[i] = 0
    strongest = int(np.abs(values).argmax())
    title = escaped(
        f"{correlations.names[i]}: strongest with {correlations.names[strongest]}, "
        f"{values[strongest]:.2f}"
    )
    shades: dict[str, list[str]] = {}
    for j in np.flatnonzero(levels[:i] != 0):  # what is near 0 shows the ground
        square = f"M{j * cell} {i * cell}h{cell}v{cell}h-{cell}z"
        shades.setdefault(_shade(levels[j]), []).append(square)
    paths = "".join(f'<path class="{name}" d="{"".join(d)}"/>' for name, d in shades.items())
    return f"<g><title>{title}</title>{paths}</g>"


def _shade(level: float) -> str:
    """The class of a level.

    >>> _shade(-3.0), _shade(0.0), _shade(10.0), _shade(float("nan"))
    ('n3', 'l0', 'p10', 'unknown')
    """
    if level != level:
        return "unknown"
    return f"{'n' if level < 0 else 'p'}{abs(int(level))}" if level else "l0"


def _staircase(n: int, cell: int) -> str:
    """The outline of all cells below the diagonal.

    >>> _staircase(3, 10)
    'M0 10h10v10h10v10H0z'
    """
    return f"M0 {cell}" + f"h{cell}v{cell}" * (n - 1) + "H0z"
