from typing import Final

from numpy import float32, float64, int64, uint8
from numpy.typing import NDArray

FLOAT32: Final[int]
FLOAT64: Final[int]
INT8: Final[int]
INT16: Final[int]
INT32: Final[int]
INT64: Final[int]
UINT8: Final[int]
UINT16: Final[int]
UINT32: Final[int]
UINT64: Final[int]

def pack(
    addresses: NDArray[int64],
    kinds: NDArray[uint8],
    bitmaps: NDArray[int64],
    bit_offsets: NDArray[int64],
    out: NDArray[float32] | NDArray[float64],
) -> None: ...
def unpack(
    X: NDArray[float32] | NDArray[float64], out: NDArray[float32] | NDArray[float64]
) -> None: ...
def first_nonfinite(X: NDArray[float32] | NDArray[float64], allow_nan: bool) -> int: ...
def mark_finite_rows(X: NDArray[float32] | NDArray[float64], keep: NDArray[uint8]) -> None: ...
