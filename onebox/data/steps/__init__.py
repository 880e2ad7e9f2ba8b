"""What a Dataset does to its rows on the way: select, rename, filter, cast, assign, map, draw.

A step is a frozen recipe with three answers: the schema that comes out, the columns it needs, and
the rows that come out of some rows. Steps that drop rows report which rows of the file remain, so
that samples, errors and pairing still know every row by its place.
"""

from onebox.data.steps.choosing import Cast, Rename, Select
from onebox.data.steps.drawing import Draw, draw_hashes, value_hashes
from onebox.data.steps.filtering import DropMissing, Filter
from onebox.data.steps.functions import Assign, Map, as_array, as_columns
from onebox.data.steps.scaling import UnitRows
from onebox.data.steps.step import Step

__all__ = [
    "Assign",
    "Cast",
    "Draw",
    "DropMissing",
    "Filter",
    "Map",
    "Rename",
    "Select",
    "Step",
    "UnitRows",
    "as_array",
    "as_columns",
    "draw_hashes",
    "value_hashes",
]
