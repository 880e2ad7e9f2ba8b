from numpy import float64, int32
from numpy.typing import NDArray

def room(n: int) -> int: ...
def fill(
    lanes: NDArray[float64],
    absolute: bool,
    rows: NDArray[float64],
    out: NDArray[float64],
    n: int,
) -> None: ...
def grow(
    distances: NDArray[float64],
    nearest: NDArray[float64],
    ends: NDArray[int32],
    heights: NDArray[float64],
) -> int: ...
