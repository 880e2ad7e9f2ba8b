from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

Kernel = Callable[[str], Any]
QUOTE, COMMA = ord('"'), ord(",")
LINE_START, IN_QUOTES = 0, 3


def scan(kernel: Kernel, text: bytes, state: int = LINE_START) -> tuple[int, int, int]:
    data = np.frombuffer(text, np.uint8)
    return kernel("records").scan_records(data, QUOTE, COMMA, state)


def csv_lengths(text: str) -> list[int]:
    """Lengths of the texts up to the end of each record, as Python's csv module sees them."""
    ends, consumed = [], 0

    def lines():
        nonlocal consumed
        # The module asks for more lines while it is within quotes.
        for line in io.StringIO(text, newline=""):
            consumed += len(line)
            yield line

    for record in csv.reader(lines()):
        if record:
            ends.append(consumed)
    return ends


fields = st.text(alphabet='ab," \n', max_size=5)
rows = st.lists(st.lists(fields, min_size=1, max_size=4), max_size=60)


@given(rows=rows, ending=st.sampled_from(["\n", "\r\n"]))
def test_written_records_are_counted(kernel, rows, ending):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ending).writerows(rows)
    text = out.getvalue()
    n_records, last_end, state = scan(kernel, text.encode())
    assert n_records == len(csv_lengths(text))
    assert state == LINE_START
    assert last_end == (len(text) if text else -1)


@given(text=st.text(alphabet='ab,"\n', max_size=300))
def test_any_text_is_cut_where_python_cuts_it(kernel, text):
    text += "\n"
    n_records, _, state = scan(kernel, text.encode())
    ends = csv_lengths(text)
    if state == IN_QUOTES:  # Python takes what is left for a last record
        assert n_records == len(ends) - 1
    else:
        assert n_records == len(ends)


@given(text=st.binary(max_size=400), cut=st.integers(0, 400))
def test_a_file_read_in_two_buffers_scans_alike(kernel, text, cut):
    whole = scan(kernel, text)
    n_before, end_before, state = scan(kernel, text[:cut])
    n_after, end_after, state = scan(kernel, text[cut:], state)
    end = cut + end_after if end_after >= 0 else end_before
    assert (n_before + n_after, end, state) == whole


@pytest.mark.parametrize(
    ("text", "n_records"),
    [
        (b'1,5" pipe\n2,b\n', 2),
        (b'1,"a\nb"\n', 1),
        (b'"a ""quoted"" word"\nb\n', 2),
        (b"\n\r\n\na\n\n", 1),
        (b"a\rb\rc", 2),
        (b"a\r\nb\r\n", 2),
        (b'""\n', 1),
        (b",\n", 1),
        (b"a" * 100 + b'"\n' + b"b" * 100 + b"\n", 2),
    ],
)
def test_quotes_open_at_the_start_of_a_field_only(kernel, text, n_records):
    assert scan(kernel, text)[0] == n_records


def test_without_a_quote_character_quotes_are_text(kernel):
    data = np.frombuffer(b'"a\nb"\n' * 50, np.uint8)
    assert kernel("records").scan_records(data, -1, COMMA, LINE_START)[0] == 100


def test_an_empty_buffer_changes_nothing(kernel):
    assert scan(kernel, b"", IN_QUOTES) == (0, -1, IN_QUOTES)
