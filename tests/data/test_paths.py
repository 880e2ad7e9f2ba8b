"""Paths, lists, globs, folders and URIs: which files are meant, in which order, by which key."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from onebox.data.open import open_source
from onebox.data.sources.paths import find_files, format_of
from onebox.errors import BadInput, EmptyData, SchemaMismatch


@pytest.fixture
def tree(tmp_path):
    """Each file holds its own name."""
    for name in (
        "b.parquet", "a.parquet", "sub/c.parquet", "sub/deep/d.parquet",
        ".hidden.parquet", "_meta.parquet", "_tmp/x.parquet", "sub/.git/y.parquet",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"name": [name]}), path)
    return tmp_path


def keys(paths, **options) -> list[str]:
    return [file.key for file in find_files(paths, **options).files]


def test_a_folder_is_searched_to_the_bottom_and_sorted(tree, read):
    expected = ["a.parquet", "b.parquet", "sub/c.parquet", "sub/deep/d.parquet"]
    assert keys(tree) == keys(f"{tree}/") == expected
    assert read(tree)["name"].to_pylist() == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.parquet", ["_meta.parquet", "a.parquet", "b.parquet"]),
        ("[ab].parquet", ["a.parquet", "b.parquet"]),
        ("?.parquet", ["a.parquet", "b.parquet"]),
        ("sub/**/*.parquet", ["c.parquet", "deep/d.parquet"]),
        ("**/[_c]*.parquet", ["_meta.parquet", "sub/c.parquet"]),
        ("**/d.parquet", ["sub/deep/d.parquet"]),
        ("**", ["a.parquet", "b.parquet", "sub/c.parquet", "sub/deep/d.parquet"]),
        ("su*", ["sub/c.parquet", "sub/deep/d.parquet"]),
        ("*/deep/*.parquet", ["sub/deep/d.parquet"]),
        (".h*.parquet", [".hidden.parquet"]),
    ],
)  # fmt: skip
def test_globs(tree, pattern, expected):
    assert keys(tree / pattern) == expected


def test_keys_are_relative_to_what_the_paths_share(tree):
    assert keys(tree / "sub/c.parquet") == ["c.parquet"]
    assert keys([tree / "b.parquet", tree / "a.parquet"]) == ["b.parquet", "a.parquet"]
    assert keys([tree / "sub/deep/d.parquet", tree / "a.parquet"]) == [
        "sub/deep/d.parquet",
        "a.parquet",
    ]
    assert keys([tree / "sub", str(tree / "?.parquet")]) == [
        "sub/c.parquet", "sub/deep/d.parquet", "a.parquet", "b.parquet",
    ]  # fmt: skip


def test_a_glob_and_its_folder_give_the_same_keys(tree):
    assert keys(tree / "sub" / "*.parquet") == keys(tree / "sub")[:1]


def test_relative_paths_and_homes(tree, monkeypatch):
    monkeypatch.chdir(tree)
    monkeypatch.setenv("HOME", str(tree))
    assert keys("sub/../a.parquet") == keys("~/a.parquet") == keys("./a.parquet") == ["a.parquet"]
    source = open_source("a.parquet")
    monkeypatch.chdir("/")
    assert source.schema.names == ["name"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path, read):
    np.save(tmp_path / "x[1].npy", np.ones(3))
    assert keys(tmp_path / "x[1].npy") == ["x[1].npy"]


def test_uris_and_filesystems(tree):
    assert keys(f"file://{tree}") == keys(tree)
    assert keys(f"file://{tree}/*.parquet") == keys(tree / "*.parquet")
    below = pafs.SubTreeFileSystem(str(tree), pafs.LocalFileSystem())
    assert keys("sub", filesystem=below) == ["c.parquet", "deep/d.parquet"]
    assert open_source("sub", filesystem=below).spans()[0].n_rows == 1


def test_every_format_on_a_filesystem_that_is_not_local(tmp_path, read, mixed):
    table = mixed.drop_columns(["price"])
    feather.write_feather(table, tmp_path / "f.arrow", compression="uncompressed")
    pq.write_table(table, tmp_path / "f.parquet")
    np.save(tmp_path / "f.npy", np.eye(3))
    csv.write_csv(table.select(["whole"]), tmp_path / "f.csv")
    below = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
    assert read("f.arrow", filesystem=below).equals(table)
    assert read("f.parquet", filesystem=below).equals(table)
    assert read("f.csv", filesystem=below).equals(table.select(["whole"]))
    assert np.array_equal(read("f.npy", filesystem=below).to_pandas().to_numpy(), np.eye(3))


def test_formats_are_known_by_names():
    names = [
        "x.parquet",
        "x.PQ",
        "x.csv",
        "x.csv.gz",
        "x.tsv.zst",
        "x.feather",
        "x.arrows",
        "x.npy",
    ]
    expected = ["parquet", "parquet", "csv", "csv", "tsv", "arrow", "arrow", "npy"]
    assert [format_of(name) for name in names] == expected
    assert [format_of(name) for name in ("x", "x.gz", "x.parquet.gz", "x.md")] == [None] * 4


def test_several_formats_are_refused_with_counts(tree):
    np.save(tree / "x.npy", np.ones(3))
    (tree / "README.md").write_text("notes")
    with pytest.raises(BadInput, match=r"4 \.parquet, 1 \.md, 1 \.npy.*'\*\*/\*\.parquet'"):
        open_source(tree)
    assert len(open_source(tree / "**/*.parquet").spans()) == 5


def test_a_format_can_be_said(tmp_path, read):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "part-0")
    with pytest.raises(BadInput, match=r"format of part-0 is not known.*format='parquet'"):
        open_source(tmp_path)
    assert read(tmp_path, format="parquet").to_pydict() == {"a": [1]}
    with pytest.raises(BadInput, match="format='xlsx' is not known"):
        open_source(tmp_path, format="xlsx")


def test_what_is_not_there(tree):
    with pytest.raises(BadInput, match=r"no file or folder .*Did you mean 'a\.parquet'"):
        open_source(tree / "a.paquet")
    with pytest.raises(EmptyData, match=r"No file matches .*zzz"):
        open_source(tree / "zzz*")
    (tree / "empty").mkdir()
    (tree / "empty/.keep").touch()
    with pytest.raises(EmptyData, match="holds no data files"):
        open_source(tree / "empty")
    with pytest.raises(BadInput, match="cannot be opened: Unrecognized filesystem"):
        open_source("nowhere://x/y.parquet")


def test_a_file_named_twice_is_refused(tree):
    with pytest.raises(BadInput, match="named 2 times"):
        open_source([tree / "a.parquet", str(tree / "*.parquet")])


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable for root")
def test_a_file_that_may_not_be_read(tree):
    (tree / "a.parquet").chmod(0)
    with pytest.raises(BadInput, match="permission denied"):
        _ = open_source(tree / "a.parquet").schema


# Hive


@pytest.fixture
def hive(tmp_path):
    n = 0
    for year in (2023, 2024):
        for month in ("01", "12"):
            folder = tmp_path / "trips" / f"year={year}" / f"month={month}"
            folder.mkdir(parents=True)
            n += 1
            pq.write_table(pa.table({"n": [n, n]}), folder / "part-0.parquet")
    return tmp_path / "trips"


def test_folders_become_columns(hive, read):
    expected = pq.read_table(hive, partitioning="hive")
    got = read(hive)
    assert got.column_names == expected.column_names
    assert got.to_pydict() == expected.to_pydict()
    assert got.schema.field("year").type == pa.int64()


def test_globs_and_lists_know_the_folders_too(hive, read):
    whole = read(hive)
    files = sorted(hive.rglob("*.parquet"))
    for x in (hive / "year=*/*/*.parquet", hive / "**/*.parquet", files):
        assert read(x).equals(whole)
    part = read(hive / "year=2023/*/*.parquet")
    assert part["year"].to_pylist() == [2023] * 4
    assert read(files[:1]).column_names == ["n", "year", "month"]


def test_columns_of_folders_can_be_picked_alone(hive, read):
    assert read(hive, columns=["month"]).to_pydict() == {"month": [1, 1, 12, 12] * 2}
    assert read(hive, columns=["year", "n"]).column_names == ["year", "n"]


def test_text_gaps_and_escapes_in_folders(tmp_path, read):
    for value in ("north%20east", "7", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / f"zone={value}"
        folder.mkdir()
        np.save(folder / "x.npy", np.ones(1))
    source = open_source(tmp_path)
    assert read(source)["zone"].to_pylist() == ["7", None, "north east"]
    assert [source.null_counts(span, ["zone"])[0] for span in source.spans()] == [0, 1, 0]


def test_a_column_that_the_files_hold_too_is_read_from_them(tmp_path, read):
    (tmp_path / "k=1").mkdir()
    pq.write_table(pa.table({"k": ["file"], "v": [1]}), tmp_path / "k=1" / "x.parquet")
    assert read(tmp_path).to_pydict() == {"k": ["file"], "v": [1]}


def test_folders_that_disagree_are_refused(hive):
    pq.write_table(pa.table({"n": [0]}), hive / "stray.parquet")
    with pytest.raises(SchemaMismatch, match=r"no values.*Give every file the same"):
        open_source(hive)


def test_folders_prune(hive):
    source = open_source(hive)
    year, n = pc.field("year"), pc.field("n")

    def matching(expression):
        return [source.may_match(span, expression) for span in source.spans()]

    assert matching(year == 2024) == [False, False, True, True]
    assert matching(n >= 4) == [False, False, False, True]
    assert matching((year == 2023) & (n >= 4))[2:] == [False, False]
    assert matching(year.is_null()) == [False] * 4
