"""The page of a description: whole, well-formed, harmless, and true to the data."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

import onebox as ob
from onebox.describe import Description
from onebox.describe.style import DARK, LIGHT
from onebox.engine.accuracy.estimate import with_error
from onebox.errors import BadInput

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a page holds: tags that close in order, anchors, text of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]

    @property
    def drawings(self) -> list[str]:
        return re.findall(r"<svg.*?</svg>", self.text, re.DOTALL)


@pytest.fixture
def shown(tmp_path: Path):
    def write(data: Any) -> Page:
        described = data if isinstance(data, Description) else ob.describe(data)
        described.to_html(tmp_path / "page.html")
        return Page((tmp_path / "page.html").read_text())

    return write


def test_every_type(everything: pa.Table, shown) -> None:
    page = shown(everything)
    for drawing in page.drawings:
        ElementTree.fromstring(drawing)
    words = "".join(page.words)
    for name in everything.column_names:
        assert name in words
    anchors = {value for value in page.values("id") if value}
    assert {f"c{i + 1}" for i in range(everything.num_columns)} <= anchors
    assert {href for href in page.values("href") if href} == {f"#{anchor}" for anchor in anchors}
    assert "100 rows x 21 columns" in words
    for kind in ("constant", "all missing", "sorted", "nearly unique", "infinite"):
        assert kind in words


def test_hostile_names_and_values_are_text(hostile: pa.Table, shown) -> None:
    page = shown(replace(ob.describe(hostile), note="<script>alert(2)</script>"))
    assert not {"script", "img", "b", "i", "iframe", "link"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", page.text)
    assert page.tags.count("style") == 1
    for drawing in page.drawings:
        ElementTree.fromstring(drawing)
    words = "".join(page.words)
    assert "<script>alert(1)</script>" in words
    assert "<script>alert(2)</script>" in words


def test_nothing_is_loaded_and_nothing_runs(everything: pa.Table, shown) -> None:
    page = shown(everything)
    assert not page.values("src")
    assert all(href and href.startswith("#") for href in page.values("href"))
    assert "url(" not in page.text
    assert "@import" not in page.text
    assert "default-src 'none'" in page.text


def test_drawings_have_words(everything: pa.Table, shown) -> None:
    page = shown(everything)
    assert page.drawings
    for drawing in page.drawings:
        head = drawing[: drawing.index(">")]
        assert 'aria-hidden="true"' in head or ('role="img"' in head and "aria-label=" in head)
    assert page.tags.count("caption") == page.tags.count("table")
    scopes = page.values("scope")
    assert set(scopes) == {"row", "col"}
    assert len(scopes) == page.tags.count("th")


@pytest.mark.parametrize(
    "data",
    [
        pa.table({"x": pa.array([], pa.float64()), "t": pa.array([], pa.string())}),
        pa.table({"x": [1.5], "t": ["a"], "n": pa.nulls(1)}),
        pa.table({"n": pa.nulls(5)}),
        pa.table({"t": ["a", None, "b"]}),
        pa.table({"x": [None, 1.0, np.inf], "y": [-np.inf, np.inf, np.nan]}),
        np.zeros((4, 2)),
    ],
    ids=["no rows", "one row", "nulls", "text", "infinities", "constants"],
)
def test_few_values(data: Any, shown) -> None:
    page = shown(data)
    assert page.text.startswith("<!doctype html>")
    assert not re.search(r"\b(nan|inf|None)\b", "".join(page.words).split("}")[-1])


def test_a_note_and_standard_errors_are_shown(shown) -> None:
    described = ob.describe({"x": np.arange(50.0)})
    page = shown(replace(described, note="Read 8 % of the rows."))
    words = "".join(page.words)
    error = described.table["mean_standard_error"].to_pylist()[0]
    assert f"{with_error(24.5, error, True)}" in words
    assert "Read 8 % of the rows." in words
    assert page.values("role").count("note") == 1
    at = described.table.column_names.index("mean_standard_error")
    unknown = described.table.set_column(at, "mean_standard_error", pa.array([None], pa.float64()))
    assert "±" not in "".join(shown(replace(described, table=unknown)).words)


def test_many_columns_stay_small_and_are_all_there(shown) -> None:
    X = np.random.default_rng(0).normal(size=(500, 240))
    X[:, 1::2] += X[:, ::2]
    page = shown(ob.dataset({f"column {j}": X[:, j] for j in range(240)}))
    assert len(page.text.encode()) < 2_000_000
    assert sum(re.fullmatch(r"c\d+", value or "") is not None for value in page.values("id")) == 240
    assert "the 200 columns with the strongest correlations of the 240" in "".join(page.words)
    for drawing in page.drawings:
        ElementTree.fromstring(drawing)


def test_the_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    described = ob.describe({"x": [1, 2]})
    with pytest.raises(BadInput, match="there is no folder"):
        described.to_html(tmp_path / "nowhere" / "page.html")
    with pytest.raises(BadInput, match="not a regular file"):
        described.to_html(tmp_path)
    described.to_html(tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_real_tables(tables: Path, shown) -> None:
    birds = shown(tables / "birdstrikes.csv")
    words = "".join(birds.words)
    for expected in ("10,000 rows x 14 columns", "heavy tail", "Unknown bird - small", "0.98"):
        assert expected in words
    flights = "".join(shown(tables / "flights-200k.arrow").words)
    assert "From a sample of" in flights
    assert "values never fall from row to row" in flights


@pytest.mark.parametrize("name", ["n", "p"])
def test_shades_can_be_told_from_their_ground(name: str) -> None:
    for colours in (LIGHT, DARK):
        assert contrast(colours[name], colours["l"]) > 4


def contrast(one: str, other: str) -> float:
    """The ratio of luminances, as accessibility guidelines define it."""
    bright, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
