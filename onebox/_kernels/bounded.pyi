from numpy import float32, float64, int32
from numpy.typing import NDArray

def open_rows(
    X: NDArray[float32] | NDArray[float64],
    centers: NDArray[float64],
    apart: NDArray[float32],
    offset: float,
    relative: float,
    absolute: float,
    labels: NDArray[int32],
    bounds: NDArray[float32],
    rows: NDArray[int32],
) -> int: ...
