from numpy import float64, int32
from numpy.typing import NDArray

def chain(
    lanes: NDArray[float64],
    row: NDArray[float64],
    numbers: NDArray[float64],
    slots: NDArray[int32],
    ends: NDArray[int32],
    costs: NDArray[float64],
) -> int: ...
