"""What estimators of one kind share: OnePass, MultiPass, and how data get into and out of them.

Arrays in, arrays out; a Dataset in, a lazy Dataset out. Both ways lead through the same scan, so
that an array and a file of the same rows, cut alike, give the same model.
"""

from onebox.base.bits import fingerprint
from onebox.base.estimator import Estimator
from onebox.base.fitting import fit
from onebox.base.multi_pass import MultiPass
from onebox.base.one_pass import OnePass
from onebox.base.sequential import HeldOut, Losses, Plateau, Sequential

__all__ = [
    "Estimator",
    "HeldOut",
    "Losses",
    "MultiPass",
    "OnePass",
    "Plateau",
    "Sequential",
    "fingerprint",
    "fit",
]
