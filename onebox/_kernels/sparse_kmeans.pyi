from numpy import float32, float64, int32, int64
from numpy.typing import NDArray

def assign(
    starts: NDArray[int64],
    columns: NDArray[int32],
    values: NDArray[float32] | NDArray[float64],
    centers: NDArray[float64],
    half_norms: NDArray[float64],
    scores: NDArray[float64],
    labels: NDArray[int32],
) -> None: ...
def accumulate(
    starts: NDArray[int64],
    columns: NDArray[int32],
    values: NDArray[float32] | NDArray[float64],
    w: NDArray[float64],
    labels: NDArray[int32],
    sums: NDArray[float64],
    counts: NDArray[float64],
) -> None: ...
def distances(
    starts: NDArray[int64],
    columns: NDArray[int32],
    values: NDArray[float32] | NDArray[float64],
    labels: NDArray[int32],
    centers: NDArray[float64],
    norms: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
