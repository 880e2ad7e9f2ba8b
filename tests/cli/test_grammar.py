import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.cli.grammar import parse_pipeline, write_literal
from onebox.cli.usage import UsageError

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
literals = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
steps = st.lists(
    st.tuples(names, st.dictionaries(names, literals, max_size=4)), min_size=1, max_size=4
)
spaces = st.sampled_from(["", " ", "  ", "\t"])


def parsed(text):
    return [(step.name, step.parameters) for step in parse_pipeline(text)]


@given(steps, spaces, spaces)
def test_what_is_written_is_read(steps, around_bar, around_sign):
    text = f"{around_bar}|{around_bar}".join(
        " ".join([n, *(f"{k}{around_sign}={around_sign}{write_literal(v)}" for k, v in p.items())])
        for n, p in steps
    )
    assert parsed(text) == steps
    types = [[type(v) for v in parameters.values()] for _, parameters in parsed(text)]
    assert types == [[type(v) for v in parameters.values()] for _, parameters in steps]


@given(steps)
def test_positions_point_at_the_names(steps):
    text = "|".join(
        " ".join([n, *(f"{k}={write_literal(v)}" for k, v in p.items())]) for n, p in steps
    )
    for step in parse_pipeline(text):
        assert text.startswith(step.name, step.position)
        for name, position in step.positions.items():
            assert text.startswith(f"{name}=", position)


@given(st.text(alphabet="ab_ =|'\"1.e-+\t\\(#", max_size=30))
def test_any_text_is_read_or_refused_with_its_place(text):
    try:
        parse_pipeline(text)
    except UsageError as error:
        place = re.match(r"The pipeline, character (\d+): ", str(error))
        assert place is not None
        assert 1 <= int(place[1]) <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2", -2),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("true", True),
        ("False", False),
        ("none", None),
        ("None", None),
        ("most_frequent", "most_frequent"),
        ("k-means", "k-means"),
        ("'k-means||'", "k-means||"),
        ('"it\'s"', "it's"),
        ("'it''s'", "it's"),
        ("'1'", "1"),
        ("''", ""),
    ],
)
def test_values(text, value):
    read = parsed(f"step a={text}")[0][1]["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: the name of an estimator is expected, and the text ends here."),
        ("ridge |", "character 8: the name of an estimator is expected, and the text ends here."),
        ("| ridge", "character 1: the name of an estimator is expected, and '|' stands here."),
        (
            "ridge alpha",
            "character 12: ridge is followed by parameters, name=value, or by '|' and the",
        ),
        ("ridge alpha=", "character 13: alpha= is followed by a value, and the text ends here."),
        ("ridge (alpha=1)", "character 7: ridge is followed by parameters"),
        ("ridge a=1 a=2", "character 11: ridge is given a twice."),
        ("ridge a=1.2.3", "character 9: a=1.2.3 is no number, word, true, false or none."),
        ("ridge a='b", 'character 9: a= is followed by a value, and "\'" stands here.'),
    ],
)
def test_errors_point_at_the_place(text, message):
    with pytest.raises(UsageError) as caught:
        parse_pipeline(text)
    assert message in str(caught.value)
