"""Dataset: the immutable, lazy view of rows that people hold."""

from onebox.dataset.answers import aggregate
from onebox.dataset.dataset import Dataset
from onebox.dataset.opening import concat, dataset
from onebox.dataset.pairing import as_dataset, pair

__all__ = ["Dataset", "aggregate", "as_dataset", "concat", "dataset", "pair"]
