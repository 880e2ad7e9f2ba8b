from numpy import float64, int32
from numpy.typing import NDArray

def chain(
    distances: NDArray[float64],
    average: bool,
    numbers: NDArray[float64],
    slots: NDArray[int32],
    ends: NDArray[int32],
    heights: NDArray[float64],
) -> int: ...
