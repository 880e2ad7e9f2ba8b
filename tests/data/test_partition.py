from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.data.partition import BLOCK_BYTES, Layout, Span, block_rows, piece_edges

GROUPS = 32  # of which errors are estimated

row_counts = st.integers(0, 10**7)
block_sizes = st.integers(0, 15).map(lambda power: 2**power)


@given(row_counts, block_sizes)
def test_pieces_cover_the_rows_in_order(n_rows, size):
    edges = piece_edges(n_rows, size)
    assert edges[0] == 0
    assert edges[-1] == n_rows
    if n_rows:
        assert all(a < b for a, b in pairwise(edges))


@given(row_counts, block_sizes)
def test_pieces_are_cut_between_blocks(n_rows, size):
    assert all(edge % size == 0 for edge in piece_edges(n_rows, size)[:-1])


@given(row_counts, st.integers(1, 10**7), block_sizes)
def test_rows_added_at_the_end_move_no_earlier_cut(n_rows, added, size):
    before, after = piece_edges(n_rows, size), piece_edges(n_rows + added, size)
    assert after[: len(before) - 1] == before[:-1]


@given(row_counts, block_sizes)
def test_there_are_as_many_pieces_as_error_groups_wherever_there_are_blocks_enough(n_rows, size):
    n_blocks = -(-n_rows // size)
    assert len(piece_edges(n_rows, size)) - 1 >= min(n_blocks, GROUPS)


@pytest.mark.parametrize("n_rows", [10**6, 10**9, 10**13])
def test_the_number_of_pieces_is_bounded(n_rows):
    n_pieces = len(piece_edges(n_rows, 512)) - 1
    # Each level doubles the rows of a piece, so their number grows with the logarithm only.
    assert n_pieces <= 256 * max(n_rows // 512, 1).bit_length()


@given(st.integers(1, 10**8))
def test_blocks_hold_what_fits_their_bytes_in_steps_of_512_rows(row_bytes):
    rows = block_rows(row_bytes)
    assert rows % 512 == 0
    assert 512 <= rows <= 32_768
    assert rows == 512 or rows * row_bytes <= BLOCK_BYTES
    assert rows == 32_768 or (rows + 512) * row_bytes > BLOCK_BYTES


def span(index: int, n_rows: int | None, first_row: int = 0, *, seekable: bool = False) -> Span:
    return Span("f", index, first_row, n_rows, 1000, "v1", seekable)


def test_a_seekable_span_makes_a_unit_of_every_piece():
    (whole,) = Layout.cut([span(0, 2000)], 10**6).units
    pieces = Layout.cut([span(0, 2000, seekable=True)], 10**6).units
    assert whole.n_partitions == len(pieces) == 4
    assert [unit.start for unit in pieces] == list(whole.edges[:-1])
    assert [p for unit in pieces for p in unit.partitions()] == list(whole.partitions())


def test_partitions_are_numbered_through_and_know_their_rows():
    layout = Layout.cut([span(0, 1300), span(1, 700, 1300), replace(span(0, 5), file="g")], 10**6)
    partitions = list(layout.partitions())
    assert [p.number for p in partitions] == list(range(layout.n_partitions))
    assert [p.key for p in partitions] == [
        ("f", 0), ("f", 512), ("f", 1024), ("f", 1300), ("f", 1812), ("g", 0),
    ]  # fmt: skip
    assert sum(p.n_rows for p in partitions) == layout.n_rows == 2005
    assert [unit.global_row for unit in layout.units] == [0, 1300, 2000]


def test_behind_a_span_of_unknown_length_rows_have_no_number():
    layout = Layout.cut([span(0, 10), span(1, None), span(2, 10)], 8)
    assert layout.n_rows is None
    assert [unit.global_row for unit in layout.units] == [0, 10, None]


def test_a_span_without_rows_has_one_partition_of_none():
    (partition,) = Layout.cut([span(0, 0)], 8).partitions()
    assert partition.n_rows == 0
