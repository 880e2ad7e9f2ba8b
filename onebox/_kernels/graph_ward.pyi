from numpy import float64, int32, int64
from numpy.typing import NDArray

def merge(
    centers: NDArray[float64],
    start: NDArray[int64],
    cells: NDArray[int32],
    cell_costs: NDArray[float64],
    nodes: NDArray[int32],
    seen: NDArray[int32],
    weights: NDArray[float64],
    heap_keys: NDArray[float64],
    heap_nodes: NDArray[int32],
    children: NDArray[int32],
    costs: NDArray[float64],
) -> int: ...
