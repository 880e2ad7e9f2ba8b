from numpy import float32, float64
from numpy.typing import NDArray

def column_means(
    X: NDArray[float32] | NDArray[float64], w: NDArray[float64], out: NDArray[float64]
) -> float: ...
def center(
    X: NDArray[float32] | NDArray[float64],
    mean: NDArray[float64],
    sqrt_w: NDArray[float64],
    out: NDArray[float64],
    column: int,
) -> None: ...
