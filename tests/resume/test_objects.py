"""Objects of a store that speaks S3, served on this machine: recognised by their ETags."""

from __future__ import annotations

import io
import time

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.linear_model import Ridge

from .conftest import learned, rows_of

moto = pytest.importorskip("moto.server", reason="needs moto[server]")

KINDS = ["parquet", "csv", "npy"]


@pytest.fixture(scope="module")
def server():
    """Its address."""
    served = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


@pytest.fixture
def store(server):
    """A bucket of this test."""
    store = pafs.S3FileSystem(
        endpoint_override=server, access_key="a", secret_key="b", region="us-east-1",
        allow_bucket_creation=True, allow_bucket_deletion=True,
    )  # fmt: skip
    bucket = "rows-of-a-test"
    store.create_dir(bucket)
    yield store
    store.delete_dir_contents(bucket)
    store.delete_dir(bucket)


def put(store, number, kind, seed=None):
    """Store an object; returns its bytes."""
    table = rows_of(number if seed is None else seed).drop_columns(["city"])
    text = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, text, row_group_size=700)
    elif kind == "csv":
        pacsv.write_csv(table, text)
    else:
        np.save(text, np.column_stack([column.to_numpy() for column in table.columns]))
    with store.open_output_stream(f"rows-of-a-test/{number}.{kind}") as stream:
        stream.write(text.getvalue())
    return len(text.getvalue())


def fit(store, memory=None):
    with ob.config(cache=memory) if memory is not None else ob.config():
        data = ob.dataset("rows-of-a-test", filesystem=store)
        return Ridge().fit(data.drop(data.columns[0]), data[data.columns[0]])


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_with_the_same_tag_is_not_read_again(kind, store, memory, sha256):
    for number in range(4):
        put(store, number, kind)
    first = fit(store, memory)
    n_units = first.fit_report_.partitions
    time.sleep(1.1)  # times of objects are in whole seconds
    put(store, 2, kind)  # the same bytes, at another time
    again = fit(store, memory)
    assert again.fit_report_.bytes_read == 0
    assert again.fit_report_.partitions_reused == n_units
    assert sha256(learned(again)) == sha256(learned(first))


@pytest.mark.parametrize("kind", KINDS)
def test_of_objects_that_change_and_come_only_those_are_read(kind, store, memory, sha256):
    sizes = [put(store, number, kind) for number in range(4)]
    fit(store, memory)
    n_bytes = put(store, 1, kind, seed=77) + put(store, 9, kind)
    model, whole = fit(store, memory), fit(store)
    assert sha256(learned(model)) == sha256(learned(whole))
    assert model.fit_report_.bytes_read <= n_bytes
    assert (
        model.fit_report_.bytes_read + model.fit_report_.bytes_reused
        == whole.fit_report_.bytes_read
    )
    assert model.fit_report_.bytes_reused > 0.9 * (sum(sizes) - sizes[1])


def test_an_object_that_changes_after_it_was_opened_is_refused(store):
    put(store, 0, "npy")
    data = ob.dataset("rows-of-a-test", filesystem=store)
    assert data.n_rows == 3000
    put(store, 0, "npy", seed=5)  # as many bytes, maybe in the same second
    with pytest.raises(ob.errors.DataChanged, match=r"0\.npy changed.*ETag"):
        ob.describe(data)


def test_the_recipe_of_a_model_names_the_tags(store):
    put(store, 0, "csv")
    with store.open_input_file("rows-of-a-test/0.csv") as handle:
        tag = handle.metadata()["ETag"].decode().strip('"')
    ((path, version),) = fit(store).recipe_.files
    assert path == "rows-of-a-test/0.csv"
    assert tag in version
