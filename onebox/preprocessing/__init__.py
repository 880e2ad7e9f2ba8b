"""Preparing columns. Names, parameters and attributes are scikit-learn's."""

from onebox.preprocessing.standard_scaler import StandardScaler

__all__ = ["StandardScaler"]
