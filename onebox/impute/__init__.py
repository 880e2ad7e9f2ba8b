"""Filling what is missing. Names, parameters and attributes are scikit-learn's."""

from onebox.impute.simple_imputer import SimpleImputer

__all__ = ["SimpleImputer"]
