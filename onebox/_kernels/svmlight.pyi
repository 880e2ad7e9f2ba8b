from numpy import float64, int32, int64
from numpy.typing import NDArray

OK: int
NO_LABEL: int
NO_INDEX: int
NO_VALUE: int
NOT_RISING: int

def parse(
    text: bytes,
    labels: NDArray[float64],
    starts: NDArray[int64],
    columns: NDArray[int32],
    values: NDArray[float64],
) -> tuple[int, int, int, int]: ...
