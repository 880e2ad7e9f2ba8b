"""How good predictions are, by scikit-learn's definitions, in one pass over arrays or Datasets."""

from onebox.metrics.classification import accuracy_score, confusion_matrix
from onebox.metrics.regression import mean_squared_error, r2_score

__all__ = ["accuracy_score", "confusion_matrix", "mean_squared_error", "r2_score"]
