from typing import Final

from numpy import float32, float64, int64, uint8
from numpy.typing import NDArray

ZERO: Final[int]
NAN: Final[int]
NEGINF: Final[int]
POSINF: Final[int]
USED: Final[int]
N_TOTALS: Final[int]
EXPONENTS: Final[int]
BUCKETS: Final[int]
MAX_SLOTS: Final[int]
MAX_WINDOW: Final[int]
NARROW: Final[int]
WHOLE: Final[int]
ANY: Final[int]

def window_width(n_slots: int) -> int: ...
def start(slots: NDArray[uint8], extremes: NDArray[float64]) -> None: ...
def count(
    Xt: NDArray[float32] | NDArray[float64],
    slots: NDArray[uint8],
    counts: NDArray[int64],
    first: NDArray[int64],
    totals: NDArray[int64],
    extremes: NDArray[float64],
    kinds: NDArray[uint8],
) -> None: ...
def merge(
    slots: NDArray[uint8],
    counts: NDArray[int64],
    first: NDArray[int64],
    totals: NDArray[int64],
    extremes: NDArray[float64],
    kinds: NDArray[uint8],
    other_slots: NDArray[uint8],
    other_counts: NDArray[int64],
    other_totals: NDArray[int64],
    other_extremes: NDArray[float64],
    other_kinds: NDArray[uint8],
) -> None: ...
