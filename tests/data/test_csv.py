"""CSV files against pyarrow's reading of the whole file, with chunks of a few bytes."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import pickle
from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.config import config
from onebox.data.open import open_source
from onebox.data.sources.csv import CsvSource
from onebox.data.sources.csv_records import IN_QUOTES, count_records
from onebox.data.sources.paths import find_files
from onebox.data.view import View
from onebox.errors import BadInput, CorruptFile, DataChanged, MissingColumn, SchemaMismatch


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "x.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def whole(path) -> pa.Table:
    """The file as pyarrow reads it at once."""
    return pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=2**26),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(strings_can_be_null=True),
    )


def test_columns_of_every_kind(write, read):
    path = write(
        "i,f,b,d,t,s,e\n"
        "1,1.5,true,2024-01-31,2024-01-31 10:00:00,text,\n"
        "-2,1e3,false,1999-12-01,2024-01-31T10:00:01,NA,\n"
        ",nan,,,,,\n"
    )
    got = read(path)
    assert got.equals(whole(path))
    assert got.schema.types == [
        pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("s"), pa.string(),
        pa.null(),
    ]  # fmt: skip
    assert got.to_pylist()[0] == {
        "i": 1, "f": 1.5, "b": True, "d": date(2024, 1, 31), "t": datetime(2024, 1, 31, 10),
        "s": "text", "e": None,
    }  # fmt: skip
    assert set(got.to_pylist()[2].values()) == {None}


def test_real_numbers_over_many_chunks(tmp_path, read):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(5000, 4)), columns=list("abcd"))
    frame["word"] = rng.choice(
        ["plain", 'a "quoted" one', "with, comma", "with\nnewline", ""], 5000
    )
    frame.to_csv(tmp_path / "x.csv", index=False)
    source = CsvSource(find_files(tmp_path / "x.csv"), chunk_bytes=20_000, piece_bytes=3000)
    spans = source.spans()
    assert len(spans) > 10
    assert sum(span.n_rows for span in spans) == 5000
    assert [span.first_row for span in spans[1:]] == list(
        np.cumsum([span.n_rows for span in spans])[:-1]
    )
    assert read(source).equals(whole(tmp_path / "x.csv"))
    assert read(pickle.loads(pickle.dumps(source))).equals(whole(tmp_path / "x.csv"))


fields = st.text(alphabet='ab1," \n\ré', max_size=6)
tables = st.lists(st.tuples(fields, fields), max_size=40)


@given(
    rows=tables,
    ending=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    chunk=st.integers(1, 60),
    piece=st.integers(1, 60),
)
def test_any_records_in_chunks_of_any_size(
    tmp_path_factory, read, rows, ending, last, chunk, piece
):
    text = io.StringIO(newline="")
    # Quoted, because an empty line of one field would be no record.
    csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([("p", "q"), *rows])
    content = text.getvalue() if last else text.getvalue().removesuffix(ending)
    folder = tmp_path_factory.mktemp("csv")
    (folder / "x.csv").write_bytes(content.encode())
    kinds = {"p": "string", "q": "string"}
    source = CsvSource(
        find_files(folder / "x.csv"), types=kinds, chunk_bytes=chunk, piece_bytes=piece
    )
    got = read(source)
    expected = [tuple(value or None for value in row) for row in rows]
    assert list(zip(got["p"].to_pylist(), got["q"].to_pylist(), strict=True)) == expected
    assert sum(span.n_rows for span in source.spans()) == len(rows)


@given(text=st.text(alphabet='a1,"\n', max_size=120), chunk=st.integers(1, 40))
def test_any_text_is_read_as_pyarrow_reads_it_or_refused(tmp_path_factory, read, text, chunk):
    folder = tmp_path_factory.mktemp("csv")
    (folder / "x.csv").write_text("p,q\n" + text)
    kinds = {"p": pa.string(), "q": pa.string()}
    try:
        expected = pacsv.read_csv(
            folder / "x.csv",
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(column_types=kinds, strings_can_be_null=True),
        )
    except pa.ArrowInvalid:
        expected = None
    source = CsvSource(find_files(folder / "x.csv"), types=kinds, chunk_bytes=chunk)
    # Quotes that are never closed end with the file there, and are refused here.
    _, _, state = count_records(("p,q\n" + text).encode(), ",")
    if expected is None or state == IN_QUOTES:
        with pytest.raises(CorruptFile):
            read(source)
    else:
        assert read(source).equals(expected)


def test_the_index_is_made_once(write, tmp_path, monkeypatch):
    monkeypatch.setenv("ONEBOX_CACHE", str(tmp_path / "cache"))
    path = write("a,b\n" + "1,2\n" * 1000)
    first = open_source(path)
    spans = first.spans()
    entries = sorted((tmp_path / "cache").rglob("*.entry"))
    assert len(entries) == 1
    before = entries[0].stat()
    assert open_source(path).spans() == spans
    assert open_source(path).schema == first.schema
    assert sorted((tmp_path / "cache").rglob("*.entry")) == entries
    assert entries[0].stat().st_mtime_ns == before.st_mtime_ns
    path.write_text("a,b\n" + "1.5,2\n" * 2000)
    assert open_source(path).schema.field("a").type == pa.float64()
    assert open_source(path).spans()[0].n_rows == 2000


def test_a_cache_folder_that_cannot_be_written_costs_time_only(write, read, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ONEBOX_CACHE", str(tmp_path / "file" / "below"))
    assert read(write("a\n1\n"))["a"].to_pylist() == [1]


def test_the_cache_of_the_settings_is_used(write, tmp_path):
    with config(cache=tmp_path / "mine"):
        _ = open_source(write("a\n1\n")).schema
    assert list((tmp_path / "mine").rglob("*.entry"))


def test_decimals_that_appear_late_are_seen_in_later_chunks(write, read):
    text = "n,t\n" + "1,1\n" * 300_000 + "2,1\n" * 300_000
    source = CsvSource(find_files(write(text)), chunk_bytes=2**20)
    assert source.schema.types == [pa.int64(), pa.int64()]
    text = "n,t\n" + "1,1\n" * 300_000 + "2.5,x\n" * 300_000
    source = CsvSource(find_files(write(text)), chunk_bytes=2**20)
    assert source.schema.types == [pa.float64(), pa.string()]
    assert read(source)["n"].to_numpy().sum() == 300_000 * 3.5


def test_a_column_that_all_samples_lack_is_looked_for(write, read):
    rows = ["1,"] * 400_000
    rows[390_000] = "1,7.5"
    got = read(write("n,rare\n" + "\n".join(rows)))
    assert got.schema.field("rare").type == pa.float64()
    assert got["rare"].to_pylist()[390_000] == 7.5


def test_types_settle_over_files(write, read, tmp_path):
    write("n,t,d,e\n1,1,2024-01-01,\n", "a.csv")
    write("t,n,d,e\nx,1.5,2024-01-01 10:00:00.5,5\n", "b.csv")
    got = read(tmp_path)
    assert got.schema.types == [pa.float64(), pa.string(), pa.timestamp("ns"), pa.int64()]
    assert got["t"].to_pylist() == ["1", "x"]
    assert got["n"].to_pylist() == [1.0, 1.5]


def test_types_can_be_given(write, read):
    path = write("zip,n,c\n01234,1,a\n99999,2,b\n")
    kinds = {"zip": "string", "n": pa.float32(), "c": "category"}
    got = read(path, types=kinds)
    assert got["zip"].to_pylist() == ["01234", "99999"]
    assert got.schema.types == [
        pa.string(), pa.float32(), pa.dictionary(pa.int32(), pa.string()),
    ]  # fmt: skip
    with pytest.raises(MissingColumn, match="'zap' is not in"):
        _ = open_source(path, types={"zap": "string"}).schema
    with pytest.raises(BadInput, match="'text' is no type"):
        open_source(path, types={"zip": "text"})
    with pytest.raises(BadInput, match="types= is for CSV"):
        open_source(__file__, format="npy", types={"zip": "string"})


def test_columns_are_pruned(write, read):
    path = write("a,b,c\n1,x,2\n3,y,4\n")
    assert read(path, columns=["c", "a"]).to_pydict() == {"c": [2, 4], "a": [1, 3]}
    with pytest.raises(MissingColumn, match=r"'d' is not in x.csv"):
        _ = open_source(path, columns=["d"]).schema


def test_other_separators_marks_and_line_ends(write, read):
    expected = {"a": [1, 2], "b": ["x,y", None]}
    assert read(write("a\tb\n1\tx,y\n2\t\n", "x.tsv")).to_pydict() == expected
    assert read(write('\ufeffa,b\r\n1,"x,y"\r\n\r\n2,\r\n')).to_pydict() == expected
    assert read(write('a,b\r1,"x,y"\r2,\r')).to_pydict() == expected
    assert read(write('\n\na,b\n1,"x,y"\n2,')).to_pydict() == expected


def test_a_header_over_two_lines(write, read):
    assert read(write('"a\nb",c\n1,2\n')).to_pydict() == {"a\nb": [1], "c": [2]}


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a,b\n\n\n"])
def test_no_rows(write, read, content):
    path = write(content)
    assert read(path).num_rows == 0
    assert read(path).column_names == ["a", "b"]
    assert View(open_source(path)).layout.n_rows == 0


@pytest.mark.parametrize(
    ("packing", "name"),
    [(gzip.compress, "x.csv.gz"), (bz2.compress, "x.csv.bz2"), (gzip.compress, "x.tsv.gz")],
)
def test_compressed_files_are_one_span_of_unknown_length(write, read, packing, name):
    separator = "\t" if "tsv" in name else ","
    rows = "".join(f'{i}{separator}"word\n{i}"\n' for i in range(5000))
    source = open_source(write(packing(f"n{separator}t\n{rows}".encode()), name))
    (span,) = source.spans()
    assert span.n_rows is None
    assert View(source).layout.n_partitions == 1
    got = read(source)
    assert got["n"].to_pylist() == list(range(5000))
    assert got["t"].to_pylist()[-1] == "word\n4999"
    assert read(source).equals(got)


def test_zstd(write, read, tmp_path):
    with pa.CompressedOutputStream(str(tmp_path / "x.csv.zst"), "zstd") as out:
        out.write(b"a\n1\n")
    assert read(tmp_path / "x.csv.zst").to_pydict() == {"a": [1]}


# Bad input


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("", CorruptFile, "is empty: a CSV file begins with the names"),
        ("a,b\n1,2\n\n3\n", CorruptFile, "line 4: the record has 1 fields and the header 2"),
        ('a,b\n"1\n1",2\n3,4,5\n', CorruptFile, "line 4: the record has 3 fields"),
        ('a,b\n1,2\n3,"4\n5,6\n', CorruptFile, "line 3: a quote opened in this record is never"),
        ('a,"b\n1,2\n', CorruptFile, "line 1: a quote opened in this record is never"),
        ("a,a\n1,2\n", BadInput, "line 1: 2 columns are named 'a'"),
        ("a,,c\n1,2,3\n", BadInput, "line 1: column 2 of 3 has no name"),
        (b"a,b\n1,caf\xe9\n", CorruptFile, "line 2, column 'b': the text is not UTF-8"),
        (b"a,caf\xe9\n1,2\n", CorruptFile, "line 1: the text is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), CorruptFile, "UTF-16; only UTF-8"),
    ],
)  # fmt: skip
def test_refusals_name_the_line(write, read, name, content, kind, message):
    data = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(kind, match=rf"^{name}.*{message}"):
        read(write(gzip.compress(data) if name.endswith("gz") else data, name))


def test_a_value_that_does_not_fit_is_named_with_line_and_column(write, read):
    rows = ["1,2"] * 600_000
    rows[500_000] = "1,2.5"
    path = write("a,b\n" + "\n".join(rows))
    message = (
        r"x.csv, line 500,002, column 'b': the value '2.5' is no int64.*types=\{'b': 'float64'\}"
    )
    with pytest.raises(BadInput, match=message):
        read(path)
    assert read(path, types={"b": "float64"})["b"].to_numpy()[500_000] == 2.5
    assert read(path, columns=["a"]).num_rows == 600_000


def test_a_value_that_does_not_fit_a_given_type(write, read):
    with pytest.raises(
        BadInput, match=r"line 3, column 'a': the value 'two' is no double.*'string'"
    ):
        read(write("a\n1\ntwo\n"), types={"a": "float64"})


def test_the_column_is_named_when_few_are_read(write, read):
    path = write("a,b,c\n1,2,3\n4,5,x\n")
    with pytest.raises(BadInput, match=r"line 3, column 'c': the value 'x' is no int8"):
        read(path, types={"c": "int8"}, columns=["c"])
    with pytest.raises(BadInput, match=r"line 3, column 'c': the value 'x' is no int8"):
        read(path, types={"c": "int8"}, columns=["c", "a"])


def test_lines_are_counted_through_quotes_and_empty_lines(write, read):
    text = 'a,b\r\n"1\r\n2",x\r\n\r\n\r\n3,y\r\n4,z\r\n'
    for chunk in (1, 10, 1000):
        source = CsvSource(
            find_files(write(text)), types={"a": "string", "b": "int8"}, chunk_bytes=chunk
        )
        with pytest.raises(BadInput, match="line 2, column 'b': the value 'x'"):
            read(source)
        source = CsvSource(find_files(write(text.replace("x", "1").replace("y", "2"))),
                           types={"a": "string", "b": "int8"}, chunk_bytes=chunk)  # fmt: skip
        with pytest.raises(BadInput, match="line 7, column 'b': the value 'z'"):
            read(source)


def test_files_that_disagree(write, read, tmp_path):
    write("a,b\n1,2\n", "0.csv")
    write("a,c\n1,2\n", "1.csv")
    with pytest.raises(SchemaMismatch, match=r"1.csv has a column 'c' that 0.csv has not"):
        read(tmp_path)
    assert read(tmp_path, columns=["a"]).to_pydict() == {"a": [1, 1]}


def test_what_is_no_gzip(write, read):
    with pytest.raises(CorruptFile, match=r"x.csv.gz is damaged or not what its name says"):
        read(write("a,b\n1,2\n", "x.csv.gz"))


def test_a_truncated_gzip(write, read):
    rng = np.random.default_rng(0)
    data = gzip.compress(b"a\n" + b"\n".join(b"%f" % v for v in rng.normal(size=10_000)))
    with pytest.raises(CorruptFile, match=r"x.csv.gz"):
        read(write(data[: len(data) // 2], "x.csv.gz"))


def test_a_file_that_changes_between_passes(write, read):
    path = write("a,b\n1,2\n")
    source = open_source(path)
    read(source)
    write("a,b\n1,2\n3,4\n")
    with pytest.raises(DataChanged, match=r"x.csv changed"):
        read(source)


def test_the_real_table_of_bird_strikes(shared_tables, read):
    path = shared_tables / "birdstrikes.csv"
    got = read(CsvSource(find_files(path), chunk_bytes=100_000))
    assert got.equals(whole(path))
    assert got.num_rows == 10_000
