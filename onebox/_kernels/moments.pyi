from typing import Final

from numpy import float32, float64
from numpy.typing import NDArray

COUNT: Final[int]
N_NAN: Final[int]
N_POSINF: Final[int]
N_NEGINF: Final[int]
MEAN: Final[int]
M2: Final[int]
M3: Final[int]
M4: Final[int]
MINIMUM: Final[int]
MAXIMUM: Final[int]
MEAN_REST: Final[int]
WIDTH: Final[int]

def update(x: NDArray[float32] | NDArray[float64], state: NDArray[float64]) -> None: ...
def update_columns(Xt: NDArray[float32] | NDArray[float64], state: NDArray[float64]) -> None: ...
def update_weighted_columns(
    Xt: NDArray[float32] | NDArray[float64], w: NDArray[float64], state: NDArray[float64]
) -> None: ...
def merge(into: NDArray[float64], other: NDArray[float64]) -> None: ...
