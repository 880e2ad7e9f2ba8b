from typing import Final

from numpy import float32, float64, int64
from numpy.typing import NDArray

ZERO: Final[int]
NAN: Final[int]
NEGINF: Final[int]
POSINF: Final[int]

def largest_key(x: NDArray[float32] | NDArray[float64]) -> int: ...
def count(
    x: NDArray[float32] | NDArray[float64],
    base_key: int,
    counts: NDArray[int64],
    totals: NDArray[int64],
) -> None: ...
