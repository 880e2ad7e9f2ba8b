from numpy import float32, float64, int32
from numpy.typing import NDArray

def coarseness(n_columns: int) -> float: ...
def assign_with_bounds(
    X: NDArray[float32],
    centers: NDArray[float32],
    half_norms: NDArray[float32],
    middle: NDArray[float32],
    rows: NDArray[int32],
    labels: NDArray[int32],
    bounds: NDArray[float32],
    offset: float,
    constant: float,
    slope: float,
) -> None: ...
def assign_coarsely_first(
    X: NDArray[float64],
    centers: NDArray[float64],
    half_norms: NDArray[float64],
    middle: NDArray[float64],
    coarse: NDArray[float32],
    coarse_norms: NDArray[float32],
    rows: NDArray[int32],
    labels: NDArray[int32],
    bounds: NDArray[float32],
    offset: float,
) -> int: ...
