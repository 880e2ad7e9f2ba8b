"""``onebox describe --html``: the table as ever, and a page beside it."""

import pytest


def test_a_page_is_written_beside_the_table(onebox, trip_files, tmp_path):
    plain = onebox.good("describe", "trips/*.parquet")
    ended = onebox.good("describe", "trips/*.parquet", "--html", "report.html")
    assert ended.out == plain.out
    assert ended.err.startswith("report.html: ")
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "5,000 rows x 5 columns" in page
    for name in trip_files.column_names:
        assert f"<bdi>{name}</bdi>" in page


def test_of_selected_rows_and_columns_quietly(onebox, trip_files, tmp_path):
    ended = onebox.good(
        "describe", "trips", "--where", "hour >= 12", "--drop", "id", "--html", "report.html",
        "--quiet",
    )  # fmt: skip
    assert ended.err == ""
    assert ended.out
    page = (tmp_path / "report.html").read_text()
    assert "<bdi>id</bdi>" not in page
    assert "<bdi>hour</bdi>" in page


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/report.html", "--html nowhere/report.html cannot be written: there is no folder"),
        ("trips", "--html trips is a folder"),
        ("broken.csv", "--html broken.csv is one of the files to be read. Name another."),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_before_reading(
    onebox, trip_files, tmp_path, path, message
):
    (tmp_path / "broken.csv").write_bytes(b"not read")
    ended = onebox("describe", "broken.csv", "--html", path)
    assert ended.code == 1
    assert message in ended.error
    assert (tmp_path / "broken.csv").read_bytes() == b"not read"
