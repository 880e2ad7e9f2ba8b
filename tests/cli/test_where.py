import math
import re
from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.cli.filters import expression
from onebox.cli.usage import UsageError
from onebox.cli.where import parse_where
from onebox.errors import BadInput, MissingColumn, WrongType

NAN = float("nan")
TABLE = pa.table(
    {
        "n": pa.array([1, 2, None, 300], pa.int16()),
        "big": pa.array([2**53 + 1, -1, None, 7], pa.int64()),
        "u": pa.array([2**63 + 1, 0, None, 5], pa.uint64()),
        "f": pa.array([0.1, 0.5, NAN, None], pa.float32()),
        "g": pa.array([0.1, -2.5, NAN, None], pa.float64()),
        "s": ["CA", "O'Hare", None, "NV"],
        "c": pa.array(["a", "b", None, "a"]).dictionary_encode(),
        "b": [True, False, None, True],
        "d": [date(2024, 1, 1), date(2024, 6, 1), None, date(2025, 1, 1)],
        "t": [datetime(2024, 1, 1, 12), datetime(2024, 6, 1), None, datetime(2025, 1, 1)],
        "z": pa.array(
            [datetime(2024, 1, 1, 12), datetime(2024, 6, 1), None, datetime(2025, 1, 1)],
            pa.timestamp("us", "Europe/Paris"),
        ),
        "m": pa.array(["1.10", "2.00", None, "3.30"]).cast(pa.decimal128(5, 2)),
        "Cost: $": [10, 20, 30, 40],
        "in": [0, 1, 0, 1],
    }
)


def kept(text, table=TABLE):
    """Numbers of the rows that a filter leaves."""
    rows = table.append_column("#", pa.array(range(table.num_rows)))
    return rows.filter(expression(parse_where(text), table.schema))["#"].to_pylist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("n = 2", [1]),
        ("n == 2", [1]),
        ("n != 2", [0, 3]),
        ("n <> 2", [0, 3]),
        ("n > 1.5", [1, 3]),
        ("n >= 1.5", [1, 3]),
        ("n < 1.5", [0]),
        ("n <= 2.0", [0, 1]),
        ("n = 1.5", []),
        ("n != 1.5", [0, 1, 3]),
        ("2 <= n", [1, 3]),
        ("n < 100000", [0, 1, 3]),
        ("n > -1e30", [0, 1, 3]),
        ("n > 1e999999999", []),
        ("not n > 100000", [0, 1, 3]),
        ("not n = 2", [0, 3]),
        ("n in (1, 2.0, 2.5, 1e9)", [0, 1]),
        ("n not in (1, 2)", [3]),
        ("n is null", [2]),
        ("n is not null", [0, 1, 3]),
        ("big = 9007199254740993", [0]),
        ("big > 9007199254740992.5", [0]),
        ("u = 9223372036854775809", [0]),
        ("u > -1", [0, 1, 3]),
        ("f = 0.1", [0]),
        ("f >= 0.5 or f < 0", [1]),
        ("f is null", [2, 3]),
        ("g is not null", [0, 1]),
        ("g > -2.6 and g < 0", [1]),
        ("s = 'CA'", [0]),
        ('s = "O\'Hare"', [1]),
        ("s = 'O''Hare'", [1]),
        ("s in ('CA', 'NV')", [0, 3]),
        ("s > 'D'", [1, 3]),
        ("c = 'a'", [0, 3]),
        ("b", [0, 3]),
        ("not b", [1]),
        ("b = false", [1]),
        ("d >= 2024-06-01", [1, 3]),
        ("d = '2024-01-01'", [0]),
        ("d > 2024-01-01T12:00", [1, 3]),
        ("t = 2024-01-01T12:00:00.000", [0]),
        ("t > 2024-01-01", [0, 1, 3]),
        ("t in (2024-06-01, '2025-01-01T00:00')", [1, 3]),
        ("z = 2024-01-01T13:00", [0]),
        ("m = 1.1", [0]),
        ("m > 1.999999", [1, 3]),
        ("m in (2, 3.3)", [1, 3]),
        ("[Cost: $] > 25", [2, 3]),
        ("[in] = 1", [1, 3]),
        ("n > big", [1, 3]),
        ("n = 1 or n = 2 and s = 'CA'", [0]),
        ("(n = 1 or n = 2) and s = 'CA'", [0]),
        ("not (n = 1 or s = 'NV')", [1]),
        ("n = 2 AND NOT b Is Null", [1]),
    ],
)
def test_rows_that_stay(text, rows):
    assert kept(text) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: a column or a value is expected, and the text ends here."),
        ("n >", "character 4: a column or a value is expected, and the text ends here."),
        ("n > 1 s", "character 7: 'and', 'or' or the end is expected, and 's' stands here."),
        ("1 < n < 2", "character 7: 'and', 'or' or the end is expected, and '<' stands here."),
        ("n in 1", "character 6: '(' is expected after 'in', and '1' stands here."),
        ("n in (1", "character 8: ')' is expected, and the text ends here."),
        (
            "n in ()",
            "character 7: a number, a date or text in quotes is expected, and ')' stands here.",
        ),
        (
            "n in (s)",
            "character 7: a number, a date or text in quotes is expected, and 's' stands here.",
        ),
        ("n is 1", "character 6: 'null' is expected after 'is', and '1' stands here."),
        ("n not 1", "character 7: 'in' is expected after 'not', and '1' stands here."),
        (
            "1 in (1)",
            "character 3: a column is expected before 'in' and 'is', and 'in' stands here.",
        ),
        ("(n = 1", "character 7: ')' is expected, and the text ends here."),
        ("s = 'CA", "character 5: ' is never closed."),
        ("[n = 1", "character 1: [ is never closed."),
        ("n; drop", "character 2: ';' has no meaning here."),
        ("n = 1.2.3", "character 5: no number, and no date like 2024-01-31 or 2024-01-31T12:30."),
        ("d > 2024-13-01", "character 5: 2024-13-01 is no date: month must be in 1..12"),
        (
            "__import__('os')",
            "character 11: 'and', 'or' or the end is expected, and '(' stands here.",
        ),
        ("(" * 200 + "n = 1", "character 101: nested deeper than 100 levels."),
    ],
)
def test_errors_of_grammar_point_at_the_place(text, message):
    with pytest.raises(UsageError) as caught:
        parse_where(text)
    assert f"--where, {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("n = 1 and q = 1", MissingColumn, "character 11: there is no column 'q'."),
        ("Cost = 1", MissingColumn, "Did you mean 'Cost: $'?"),
        (
            "n = 'a'",
            WrongType,
            "character 5: column 'n' has type int16 and cannot be compared with 'a'.",
        ),
        ("s > 5", WrongType, "column 's' has type string and cannot be compared with 5."),
        ("b = 1", WrongType, "column 'b' has type bool and cannot be compared with 1."),
        ("n = true", WrongType, "column 'n' has type int16 and cannot be compared with true."),
        (
            "n > 2024-01-01",
            WrongType,
            "column 'n' has type int16 and cannot be compared with 2024-01-01.",
        ),
        ("d > 'soon'", WrongType, "column 'd' has type date32[day], and 'soon' is no date."),
        (
            "t > '2024-01-01T00:00+02:00'",
            WrongType,
            "is compared with dates and times without a zone.",
        ),
        ("m > 1e999", WrongType, "column 'm' holds decimals, and 1E+999 has too many digits."),
        ("n", WrongType, "character 1: column 'n' has type int16: compare it."),
        (
            "n = s",
            WrongType,
            "character 3: 'n' of type int16 cannot be compared with 's' of type string.",
        ),
        ("1 = 1", WrongType, "no column takes part here."),
        ("true", WrongType, "no column takes part here."),
    ],
)
def test_errors_of_type_point_at_the_place(text, kind, message):
    with pytest.raises(kind) as caught:
        kept(text)
    assert message in str(caught.value)


@given(st.text(alphabet="nsqd0123456789.-+eT:=<>!()[],'\" andoritu", max_size=40))
def test_any_text_is_read_or_refused_with_its_place(text):
    try:
        kept(text)
    except BadInput as error:
        place = re.match(r"--where, character (\d+): ", str(error))
        assert place is not None
        assert 1 <= int(place[1]) <= len(text) + 1


numbers = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-70000, max_value=70000, places=2
)
SIGNS = {
    "=": lambda x, y: x == y, "!=": lambda x, y: x != y, "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y,
}  # fmt: skip


@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**15), 2**15 - 1)), min_size=1),
    st.sampled_from(sorted(SIGNS)),
    numbers,
    st.booleans(),
)
def test_integers_compare_as_numbers_do(values, sign, number, negated):
    table = pa.table({"x": pa.array(values, pa.int16())})
    text = f"{'not ' if negated else ''}x {sign} {number:f}"
    wanted = [
        i for i, v in enumerate(values) if v is not None and SIGNS[sign](v, number) != negated
    ]
    assert kept(text, table) == wanted


@given(
    st.lists(st.floats(), min_size=1), st.sampled_from(sorted(SIGNS)), st.floats(allow_nan=False)
)
def test_floats_compare_as_numbers_do(values, sign, number):
    if math.isinf(number):
        return
    table = pa.table({"x": pa.array(values, pa.float64(), from_pandas=False)})
    wanted = [i for i, v in enumerate(values) if SIGNS[sign](v, number)]
    assert kept(f"x {sign} {number!r}", table) == wanted
