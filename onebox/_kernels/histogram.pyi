from numpy import float32, float64, int64
from numpy.typing import NDArray

def count_uniform(
    x: NDArray[float32] | NDArray[float64],
    low: float,
    high: float,
    counts: NDArray[int64],
    outside: NDArray[int64],
) -> None: ...
