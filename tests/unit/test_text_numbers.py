"""Numbers that stand in texts, and codes that convert a column of them."""

import pandas as pd
import pytest

from codeface_jupyter.trials.text_numbers import is_no_number, with_numbers_read

CLEANED = '.str.replace(r"[^\\d.+-]", "", regex=True)'


def frame_of(*texts, **others):
    return {"df": pd.DataFrame({"price": list(texts), **others})}


MONEY = frame_of("$1,200", "$-3.50", "$9", None)


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("df['price'].astype(float).mean()", f"df['price']{CLEANED}.astype(float).mean()"),
        ("df.price.apply(float)", f"df.price{CLEANED}.apply(float)"),
        ("df.price.astype('Int64')", f"df.price{CLEANED}.astype('Int64')"),
        ("x = pd.to_numeric(df['price'])", f"x = pd.to_numeric(df['price']{CLEANED})"),
        # One step in the place of all that do not go far enough.
        (
            "df['price'] = df['price'].str.replace('$', '').str.strip().astype(np.float64)",
            f"df['price'] = df['price']{CLEANED}.astype(np.float64)",
        ),
        (
            "df['a'] = df['price'].str.strip('$')\ndf['b'] = df['price'].astype(float)",
            f"df['a'] = df['price'].str.strip('$')\ndf['b'] = df['price']{CLEANED}.astype(float)",
        ),
        ("def f(df):\n    return df['price'].astype(int)", None),
        ("[df['price'].astype(int) for df in frames]", None),
        ("df['price'].astype(str)", None),
        ("df['price'].str.replace('$', '-').astype(float)", None),
        ("df['price'].map(d).astype(float)", None),
        ("df = other\ndf['price'].astype(float)", None),
        ("df['cost'].astype(float)", None),
        ("other['price'].astype(float)", None),
        ("df['price'].astype(float", None),
    ],
)
def test_a_conversion_is_given_the_numbers_alone(code, read):
    found = with_numbers_read(code, MONEY)
    assert (found and found.code) == read
    if found is not None:
        assert found.note == (
            "`price` holds texts such as `$1,200`: what is no part of the number is taken out."
        )


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (("45%", "7.5 %", "-3%"), [45, 7.5, -3]),
        (("1,200", "1,234,567.25"), [1200, 1234567.25]),
        (("120 kg", "85kg"), [120, 85]),
        (("12 km/h", "+9 km/h"), [12, 9]),
        (("€ 5", "€ 1,000"), [5, 1000]),
        # Nobody knows what these are, or what is to become of them.
        (("3,5", "4,25"), None),
        (("$5", "7"), None),
        (("5 kg", "7 lb"), None),
        (("1.5M", "2M"), None),
        (("1.5 million", "2 million"), None),
        (("(5)", "($3)"), None),
        (("$5", "unknown"), None),
        (("2024-01-05", "2024-01-06"), None),
        (("1.2.3", "4.5.6"), None),
        (("5", "7"), None),
        ((" 5", "7.5"), None),
        ((5, "$7"), None),
        ((), None),
    ],
)
def test_what_is_taken_out_leaves_the_numbers(texts, numbers):
    names = frame_of(*texts)
    found = with_numbers_read("df['price'] = df['price'].astype(float)", names)
    assert (found is not None) is (numbers is not None)
    if found is not None:
        exec(found.code, {}, names)
        assert names["df"]["price"].tolist() == numbers


def test_only_columns_of_such_texts_are_read_so():
    names = frame_of("$1", "$2", units=["3", "4"])
    code = "df['price'].astype(int) * df['units'].astype(int)"
    expected = f"df['price']{CLEANED}.astype(int) * df['units'].astype(int)"
    assert with_numbers_read(code, names).code == expected


def test_several_columns_are_named_in_their_order():
    names = frame_of("$1", share=["5%"])
    found = with_numbers_read("df['price'].astype(int) * df['share'].astype(int)", names)
    assert found.note.index("`price`") < found.note.index("`share`")


def test_values_of_secrets_are_not_shown():
    names = {"df": pd.DataFrame({"password": ["$1", "$2"]})}
    assert "$1" not in with_numbers_read("df['password'].astype(int)", names).note


@pytest.mark.parametrize(
    "convert", [pd.to_numeric, lambda s: s.astype(float), lambda s: s.map(int)]
)
def test_what_conversions_say_is_known(convert):
    with pytest.raises(ValueError, match=r"\$5") as raised:
        convert(pd.Series(["$5"]))
    assert is_no_number(str(raised.value))
    assert not is_no_number("cannot convert float NaN to integer")
