from numpy import uint8
from numpy.typing import NDArray

def scan_records(
    data: NDArray[uint8], quote: int, delimiter: int, state: int
) -> tuple[int, int, int]: ...
