from numpy import float32, float64, int32
from numpy.typing import NDArray

def assign(
    X: NDArray[float32] | NDArray[float64],
    centers: NDArray[float32] | NDArray[float64],
    half_norms: NDArray[float32] | NDArray[float64],
    scores: NDArray[float32] | NDArray[float64],
    labels: NDArray[int32],
) -> None: ...
def coarseness(n_columns: int) -> float: ...
def assign_coarsely_first(
    X: NDArray[float64],
    centers: NDArray[float64],
    half_norms: NDArray[float64],
    middle: NDArray[float64],
    coarse: NDArray[float32],
    coarse_norms: NDArray[float32],
    scores: NDArray[float64],
    rows: NDArray[float64],
    labels: NDArray[int32],
) -> int: ...
