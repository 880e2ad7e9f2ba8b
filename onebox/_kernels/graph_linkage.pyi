from numpy import float64, int32, uint64
from numpy.typing import NDArray

def merge(
    ends: NDArray[int32],
    lengths: NDArray[float64],
    average: bool,
    halves: NDArray[int32],
    pairs: NDArray[uint64],
    edges: NDArray[int32],
    clusters: NDArray[int32],
    heap_keys: NDArray[float64],
    heap_edges: NDArray[int32],
    children: NDArray[int32],
    heights: NDArray[float64],
) -> int: ...
