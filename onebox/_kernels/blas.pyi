from numpy import float32, float64
from numpy.typing import NDArray

def syrk(A: NDArray[float64], C: NDArray[float64]) -> None: ...
def syrk_panel(A: NDArray[float64], C: NDArray[float64], start: int, stop: int) -> None: ...
def gemm_tn(
    A: NDArray[float32] | NDArray[float64],
    B: NDArray[float32] | NDArray[float64],
    C: NDArray[float32] | NDArray[float64],
) -> None: ...
def gemm_nt(
    A: NDArray[float32] | NDArray[float64],
    B: NDArray[float32] | NDArray[float64],
    C: NDArray[float32] | NDArray[float64],
) -> None: ...
