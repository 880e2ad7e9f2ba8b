from numpy import float32, float64, int32, int64
from numpy.typing import NDArray

def lengths(
    X: NDArray[float32] | NDArray[float64],
    ends: NDArray[int32],
    absolute: bool,
    out: NDArray[float64],
) -> None: ...
def closest(
    lanes: NDArray[float64],
    start: NDArray[int64],
    counts: NDArray[int64],
    absolute: bool,
    row: NDArray[float64],
    ends: NDArray[int64],
) -> None: ...
