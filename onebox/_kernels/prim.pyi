from numpy import float64, int32
from numpy.typing import NDArray

def grow(
    lanes: NDArray[float64],
    absolute: bool,
    row: NDArray[float64],
    distances: NDArray[float64],
    origin: NDArray[int32],
    ends: NDArray[int32],
    heights: NDArray[float64],
) -> int: ...
