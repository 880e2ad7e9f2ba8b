from numpy import float32, float64
from numpy.typing import NDArray

def panel_width(n_columns: int) -> int: ...
def column_means(
    X: NDArray[float32] | NDArray[float64], w: NDArray[float64], out: NDArray[float64]
) -> float: ...
def add_squares(
    X: NDArray[float32] | NDArray[float64],
    w: NDArray[float64],
    mean: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def center(
    X: NDArray[float32] | NDArray[float64],
    mean: NDArray[float64],
    sqrt_w: NDArray[float64],
    out: NDArray[float64],
    column: int,
) -> None: ...
def add(panels: NDArray[float64], scatter: NDArray[float64], start: int, stop: int) -> None: ...
def add_centered(
    X: NDArray[float32] | NDArray[float64],
    x_mean: NDArray[float64],
    Y: NDArray[float64],
    y_mean: NDArray[float64],
    sqrt_w: NDArray[float64],
    more: NDArray[float64],
    panels: NDArray[float64],
    scatter: NDArray[float64],
) -> None: ...
def merge(into: NDArray[float64], other: NDArray[float64], change: NDArray[float64]) -> None: ...
