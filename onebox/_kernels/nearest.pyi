from numpy import float32, float64, int32
from numpy.typing import NDArray

def served(n_columns: int) -> bool: ...
def assign(
    X: NDArray[float32] | NDArray[float64],
    centers: NDArray[float32] | NDArray[float64],
    half_norms: NDArray[float32] | NDArray[float64],
    scores: NDArray[float32] | NDArray[float64],
    labels: NDArray[int32],
) -> None: ...
