"""Real tables, described and fitted."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest
from sklearn.linear_model import LinearRegression


def described(text):
    """The lines of a description by their first word."""
    return {line.split()[0]: line for line in text.splitlines() if line.strip()}


def test_birdstrikes(onebox, tables):
    path = tables / "birdstrikes.csv"
    ended = onebox.good("describe", path)
    assert ended.out.startswith("10,000 rows x 14 columns\n")
    assert ended.err == ""
    table = csv.read_csv(path)
    speed = next(line for line in ended.out.splitlines() if line.startswith("Speed IAS"))
    assert f"{table['Speed IAS in knots'].null_count:,}" in speed

    where = "[Cost Total $] > 0 and [Speed IAS in knots] is not null"
    onebox.good(
        "fit", "linear_regression", path, "--columns", "Speed IAS in knots", "--target",
        "Cost Total $", "--where", where, "-o", "cost.onebox",
    )  # fmt: skip
    score = onebox.good("score", "cost.onebox", path, "--target", "Cost Total $", "--where", where)
    costly = table.filter(
        (pa.compute.field("Cost Total $") > 0) & ~pa.compute.field("Speed IAS in knots").is_null()
    )
    X = costly["Speed IAS in knots"].to_numpy().reshape(-1, 1)
    y = costly["Cost Total $"].to_numpy()
    wanted = LinearRegression().fit(X, y).score(X, y)
    assert float(score.out) == pytest.approx(wanted, rel=1e-6)


def test_flights(onebox, tables):
    path = tables / "flights-200k.arrow"
    lines = described(onebox.good("describe", path).out)
    assert lines["200,000"] == "200,000 rows x 3 columns"
    table = pa.ipc.open_file(path).read_all()
    delay = table["delay"].to_numpy()
    assert {str(delay.min()), str(delay.max()), str(np.median(delay).astype(int))} <= set(
        lines["delay"].split()
    )

    onebox.good("fit", "standard_scaler | ridge", path, "--target", "delay", "-o", "delay.onebox")
    score = onebox.good("score", "delay.onebox", path, "--target", "delay")
    X = table.select(["distance", "time"]).to_pandas().to_numpy(float)
    y = table["delay"].to_numpy()
    wanted = LinearRegression().fit(X, y).score(X, y)
    assert float(score.out) == pytest.approx(wanted, rel=1e-5)
