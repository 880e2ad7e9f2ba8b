"""How far off an answer can be: standard errors from group summaries, and answers that stop early.

A scan keeps one summary for each of 32 groups of partitions. What an answer would be without one
group at a time tells how far it moves from sample to sample: the delete-a-group jackknife. Read in
random order, the same groups tell when enough has been read.
"""

from onebox.engine.accuracy.design import Design
from onebox.engine.accuracy.estimate import Estimate, Estimates
from onebox.engine.accuracy.scanning import scan_with_errors
from onebox.engine.accuracy.states import GroupStates, joined

__all__ = ["Design", "Estimate", "Estimates", "GroupStates", "joined", "scan_with_errors"]
