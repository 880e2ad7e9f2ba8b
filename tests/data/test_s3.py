"""Files on S3: a server on this machine, spoken to as if it were the real one."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

import onebox as ob
from onebox.cluster import KMeans
from onebox.errors import BadInput, DataChanged, EmptyData
from onebox.preprocessing import StandardScaler

moto = pytest.importorskip(
    "moto.server", reason="the S3 server is moto's: pip install 'moto[server]'"
)

NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def bucket():
    """An S3 filesystem with an empty bucket named "rows"."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.delenv("AWS_PROFILE", raising=False)
        disk = pafs.S3FileSystem(
            endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True
        )
        disk.create_dir("rows")
        yield disk
    server.stop()


@pytest.fixture(scope="module")
def matrix():
    return np.random.default_rng(0).normal(size=(6000, 3)) + 4 * np.arange(6000)[:, None] // 2000


@pytest.fixture(scope="module")
def stored(bucket, matrix):
    for i, part in enumerate(np.split(matrix, 3)):
        table = pa.table(dict(zip(NAMES, part.T, strict=True)))
        with bucket.open_output_stream(f"rows/parquet/{i}.parquet") as file:
            pq.write_table(table, file, row_group_size=500)
        with bucket.open_output_stream(f"rows/csv/{i}.csv") as file:
            pa_csv.write_csv(table, file)
        with bucket.open_output_stream(f"rows/npy/{i}.npy") as file:
            np.save(file, part)
    return bucket


@pytest.mark.parametrize("form", ["parquet", "csv", "npy"])
def test_a_folder_on_s3_is_a_dataset(stored, form, matrix, tmp_path):
    data = ob.dataset(f"s3://rows/{form}")
    assert len(data) == len(matrix)
    np.testing.assert_array_equal(data.to_numpy(), matrix)
    with ob.config(cache=tmp_path):
        found = StandardScaler().fit(ob.dataset(f"s3://rows/{form}/*.{form}"))
    np.testing.assert_allclose(found.mean_, matrix.mean(axis=0))
    assert found.fit_report_.bytes_read > 0


def test_other_processes_read_it_as_well(stored, sha256):
    def bits():
        model = KMeans(3, max_iter=3, random_state=0).fit(ob.dataset("s3://rows/parquet"))
        return sha256([model.cluster_centers_, model.inertia_])

    expected = bits()
    with ob.config(executor="processes", n_jobs=2):
        assert bits() == expected
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
        ob.config(executor=client),
    ):
        assert bits() == expected


def test_a_filesystem_may_be_handed_over(stored, matrix):
    data = ob.dataset("rows/parquet", filesystem=stored)
    with ob.config(executor="processes", n_jobs=2):
        found = StandardScaler().fit(data)
    np.testing.assert_allclose(found.mean_, matrix.mean(axis=0))


def test_what_is_not_there(stored):
    with pytest.raises(BadInput, match="There is no file or folder 's3://rows/missing'"):
        ob.dataset("s3://rows/missing")
    with pytest.raises(EmptyData, match=r"No file matches 's3://rows/csv/\*\.parquet'"):
        ob.dataset("s3://rows/csv/*.parquet")


def test_an_object_that_was_replaced_is_told(stored):
    with stored.open_output_stream("rows/changing/0.npy") as file:
        np.save(file, np.zeros((10, 2)))
    data = ob.dataset("s3://rows/changing")
    with stored.open_output_stream("rows/changing/0.npy") as file:
        np.save(file, np.zeros((20, 2)))
    with pytest.raises(DataChanged, match=r"0\.npy changed after the dataset was opened"):
        StandardScaler().fit(data)
