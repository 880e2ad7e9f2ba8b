"""Codecs of pandas: frames, series, indexes and the arrays they are made of.

Columns of numpy's types are stored as they are, categories, periods and times by their numbers,
text and pandas' nullable numbers by way of Arrow. Where the way back would not lead to the same
types and values, the value is refused. pandas is imported when a value or a file needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onebox.errors import MissingDependency, WrongType
from onebox.persistence.codec import Codec, Decoder, Node, Place

MASKED = {
    *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *("Float32", "Float64", "boolean"),
}


def find(value: object) -> Codec | None:
    """Choose the codec of a value of pandas."""
    pd = _pandas()
    if type(value) in (pd.DataFrame, pd.Series):
        return FRAME if type(value) is pd.DataFrame else SERIES
    if isinstance(value, pd.Index):
        return INDEX
    return ARRAY if isinstance(value, pd.api.extensions.ExtensionArray) else None


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingDependency(
            f"The object holds data of pandas, which is not installed here: {error}. Install it."
        ) from error
    return pandas


def _values(data: Any) -> Any:
    """The array behind a series or an index: numpy's where there is one, without a copy."""
    return data.to_numpy() if isinstance(data.dtype, np.dtype) else data.array


def _pack_labels(value: Any, place: Place) -> dict[str, Node]:
    """What frames and series have in common."""
    node = {"index": place.child(value.index, ".index")}
    if value.attrs:
        node["attrs"] = place.child(dict(value.attrs), ".attrs")
    if not value.flags.allows_duplicate_labels:
        node["unique"] = True
    return node


def _with_labels(made: Any, node: dict[str, Node], decoder: Decoder) -> Any:
    if "attrs" in node:
        made.attrs = decoder.decode(node["attrs"])
    if node.get("unique"):
        made.flags.allows_duplicate_labels = False
    return made


def _pack_frame(value: Any, place: Place) -> dict[str, Node]:
    node = _pack_labels(value, place) | {"columns": place.child(value.columns, ".columns")}
    dtypes = set(value.dtypes)
    if len(dtypes) == 1 and isinstance(next(iter(dtypes)), np.dtype):
        return node | {"values": place.child(value.to_numpy(), ".values")}
    columns = (_values(value.iloc[:, at]) for at in range(value.shape[1]))
    return node | {"parts": [place.child(part, f"[{at}]") for at, part in enumerate(columns)]}


def _unpack_frame(node: dict[str, Node], decoder: Decoder) -> Any:
    pd = _pandas()
    index, columns = decoder.decode(node["index"]), decoder.decode(node["columns"])
    if "values" in node:
        values = decoder.decode(node["values"])
        made = pd.DataFrame(values, index, columns, dtype=values.dtype, copy=False)
    else:
        parts = [_series(pd, decoder.decode(part), index) for part in node["parts"]]
        made = pd.DataFrame(dict(enumerate(parts)), index=index, copy=False)
        made.columns = columns
    return _with_labels(made, node, decoder)


def _pack_series(value: Any, place: Place) -> dict[str, Node]:
    return _pack_labels(value, place) | {
        "name": place.child(value.name, ".name"),
        "values": place.child(_values(value), ".values"),
    }


def _unpack_series(node: dict[str, Node], decoder: Decoder) -> Any:
    index, values = decoder.decode(node["index"]), decoder.decode(node["values"])
    made = _series(_pandas(), values, index)
    made.name = decoder.decode(node["name"])
    return _with_labels(made, node, decoder)


def _series(pd: Any, values: Any, index: Any) -> Any:
    return pd.Series(
        values, index, dtype=values.dtype, copy=False
    )  # the dtype: nothing is inferred


def _pack_index(value: Any, place: Place) -> dict[str, Node]:
    pd = _pandas()
    node: dict[str, Node] = {"names": place.child(list(value.names), ".names")}
    if type(value) is pd.RangeIndex:
        return node | {"range": [value.start, value.stop, value.step]}
    if type(value) is pd.MultiIndex:
        levels = [place.child(level, f".levels[{i}]") for i, level in enumerate(value.levels)]
        codes = [place.child(np.asarray(c), f".codes[{i}]") for i, c in enumerate(value.codes)]
        return node | {"levels": levels, "codes": codes}
    values = _values(value)
    freq = getattr(value, "freq", None) if value.dtype.kind in "mM" else None
    if freq is not None:
        if pd.tseries.frequencies.to_offset(freq.freqstr) != freq:
            place.refuse(f"has the frequency {freq!r}, which its name does not tell all about")
        node["freq"] = freq.freqstr
    made = _index(pd, values, value.names[0])
    if type(made) is not type(value) or made.dtype != value.dtype:
        place.refuse(f"is a {type(value).__name__} that would come back as {type(made).__name__}")
    return node | {"values": place.child(values, ".values")}


def _unpack_index(node: dict[str, Node], decoder: Decoder) -> Any:
    pd = _pandas()
    names = decoder.decode(node["names"])
    if "range" in node:
        return pd.RangeIndex(*node["range"], name=names[0])
    if "levels" in node:
        levels = [decoder.decode(level) for level in node["levels"]]
        return pd.MultiIndex(levels, [decoder.decode(code) for code in node["codes"]], names=names)
    made = _index(pd, decoder.decode(node["values"]), names[0])
    if "freq" in node:
        made.freq = node["freq"]
    return made


def _index(pd: Any, values: Any, name: Any) -> Any:
    return pd.Index(values, dtype=values.dtype, name=name, copy=False)


def _pack_array(value: Any, place: Place) -> dict[str, Node]:
    pd, dtype = _pandas(), value.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "kind": "categories",
            "codes": place.child(value.codes, ".codes"),
            "categories": place.child(value.categories, ".categories"),
            "ordered": bool(value.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        times = value.asi8.view(f"M8[{dtype.unit}]")
        return {
            "kind": "times",
            "values": place.child(times, ".values"),
            "zone": place.child(dtype.tz, ".tz"),
        }
    if isinstance(dtype, pd.PeriodDtype):
        freq = str(dtype).removeprefix("period[").removesuffix("]")
        return {"kind": "periods", "values": place.child(value.asi8, ".values"), "freq": freq}
    if isinstance(dtype, pd.IntervalDtype):
        ends = {side: place.child(getattr(value, side), f".{side}") for side in ("left", "right")}
        return {"kind": "intervals", **ends, "closed": value.closed}
    return {"kind": "arrow", **_pack_arrow(pd, value, place)}


def _pack_arrow(pd: Any, value: Any, place: Place) -> dict[str, Node]:
    dtype = value.dtype
    if isinstance(dtype, pd.StringDtype):
        node = {"text": dtype.storage, "missing": "NA" if dtype.na_value is pd.NA else "nan"}
    elif isinstance(dtype, pd.ArrowDtype):
        node = {}
    elif str(dtype) in MASKED:
        node = {"masked": str(dtype)}
    else:
        place.refuse(
            f"holds the dtype {dtype} of pandas, which files do not. Convert it", WrongType
        )
    data = pa.array(value)
    data = data if isinstance(data, pa.ChunkedArray) else pa.chunked_array([data])
    made = _from_arrow(pd, node, data)
    if made.dtype != dtype or not made.equals(value):
        place.refuse(f"of dtype {dtype} would come back from Arrow with other values. Convert it")
    return {**node, "values": place.child(data, ".values")}


def _from_arrow(pd: Any, node: dict[str, Node], data: Any) -> Any:
    if "text" in node:
        missing = pd.NA if node["missing"] == "NA" else np.nan
        return pd.StringDtype(node["text"], na_value=missing).__from_arrow__(data)
    if "masked" in node:
        if node["masked"] not in MASKED:
            raise ValueError(f"no nullable numbers of pandas: {node['masked']!r}")
        return pd.api.types.pandas_dtype(node["masked"]).__from_arrow__(data)
    return pd.arrays.ArrowExtensionArray(data)


def _unpack_array(node: dict[str, Node], decoder: Decoder) -> Any:
    pd, kind = _pandas(), node["kind"]
    if kind == "intervals":
        left, right = decoder.decode(node["left"]), decoder.decode(node["right"])
        return pd.arrays.IntervalArray.from_arrays(left, right, closed=node["closed"])
    if kind == "categories":
        dtype = pd.CategoricalDtype(decoder.decode(node["categories"]), node["ordered"])
        return pd.Categorical.from_codes(decoder.decode(node["codes"]), dtype=dtype)
    values: npt.NDArray[Any] = decoder.decode(node["values"])
    if kind == "times":
        utc = pd.DatetimeIndex(values, copy=False).tz_localize("UTC")
        return utc.tz_convert(decoder.decode(node["zone"])).array
    if kind == "periods":
        return pd.PeriodIndex.from_ordinals(values, freq=node["freq"]).array
    if kind == "arrow":
        return _from_arrow(pd, node, values)
    raise ValueError(f"no array of pandas: {kind!r}")


FRAME = Codec("pandas.frame", (), _pack_frame, _unpack_frame)
SERIES = Codec("pandas.series", (), _pack_series, _unpack_series)
INDEX = Codec("pandas.index", (), _pack_index, _unpack_index)
ARRAY = Codec("pandas.array", (), _pack_array, _unpack_array)
CODECS = [FRAME, SERIES, INDEX, ARRAY]
