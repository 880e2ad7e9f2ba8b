from numpy import float32, float64, int32
from numpy.typing import NDArray

def accumulate(
    X: NDArray[float32] | NDArray[float64],
    w: NDArray[float64],
    labels: NDArray[int32],
    sums: NDArray[float64],
    counts: NDArray[float64],
) -> None: ...
def inertia(
    X: NDArray[float32] | NDArray[float64],
    w: NDArray[float64],
    labels: NDArray[int32],
    centers: NDArray[float64],
) -> float: ...
def changed(labels: NDArray[int32], old: NDArray[int32]) -> int: ...
