"""How good predictions are, by scikit-learn's definitions, in one pass over arrays or Datasets."""
