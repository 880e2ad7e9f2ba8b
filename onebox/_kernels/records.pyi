from numpy import uint8
from numpy.typing import NDArray

def scan_records(
    data: NDArray[uint8], quote: int, in_quotes: bool, line_open: bool
) -> tuple[int, int, bool, bool]: ...
