"""Linear models. Names, parameters and attributes are scikit-learn's."""

from onebox.linear_model.linear_regression import LinearRegression
from onebox.linear_model.ridge import Ridge
from onebox.linear_model.ridge_classifier import RidgeClassifier

__all__ = ["LinearRegression", "Ridge", "RidgeClassifier"]
