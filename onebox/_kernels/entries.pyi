from numpy import float32, float64, int32, int64
from numpy.typing import NDArray

def add_transposed(
    starts: NDArray[int64],
    columns: NDArray[int32],
    values: NDArray[float32] | NDArray[float64],
    factor: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
