"""``ob.describe``: what every column of a dataset holds, found in one pass.

Which question is asked of which column depends on the column's type only. The answers are one table
with one row a column; terminals and notebooks show as much of it as there is room for.
"""

from onebox.describe.description import Description
from onebox.describe.questions import describe

__all__ = ["Description", "describe"]
