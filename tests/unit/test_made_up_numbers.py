"""Numbers in an explanation that the model was not given."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.made_up_numbers import made_up_numbers

FACTS = "sales: DataFrame 1337 by 3: price (float64, 191 null, range 2.51 to 20.94, mean 12.0261)"


@pytest.mark.parametrize(
    ("answer", "made_up"),
    [
        ("It has 1,337 rows and 3 columns, of which 191 have no price.", []),
        ("Prices go from 2.5 to 21, with a mean of 12.03.", []),
        ("Prices go from 2 to 25; the mean is 13.1.", ["25", "13.1"]),
        ("It has 1,500 rows, 1,500 in all.", ["1,500"]),
        ("There are 12 steps, or 7.", []),
        ("A share of 14.3% is missing.", ["14.3%"]),
        ("About 1,300 rows, or 1.3 thousand.", []),
        ("About 1,400 rows, or 1.5 thousand.", ["1,400", "1.5 thousand"]),
        ("1 337 rows; 1'337 rows; 1 338 rows", ["1 338"]),
        ("13. the price\n14. the units\n15) more", []),
        ("See https://pandas.pydata.org/docs/2025/index.html.", []),
        ("共有1337行其中365行没有价格。", ["365"]),
        ("The 13th of 2x30, at 10:30 from 127.0.0.1.", ["30"]),
        ("`sales.head(50)` shows 50 rows", ["50"]),
        ("Like this:\n\n```python\nsales.sample(500)\n```\n", []),
        ("<think>maybe 900?</think>\n\nA table.", []),
        ("Use Python3.12, utf8 or v2.0.1 on x86_64.", []),
        ("", []),
    ],
)
def test_only_what_is_in_the_facts_goes_without_a_word(answer, made_up):
    assert made_up_numbers(answer, known=FACTS) == made_up


@pytest.mark.parametrize(
    ("answer", "made_up"),
    [
        ("Der Mittelwert: 625,155, das Minimum 15,75 und das Maximum 1.234,56.", []),
        ("Le maximum est 1 234,56, le minimum 15,75 ; 20 000 ou 20\u00a0000 lignes.", []),
        ("20.000 Zeilen, 20'000 Zeilen, ein Anteil von 0,25 (25 %)", []),
        ("from 15.75,625.155", []),
        ("the columns 20,25", ["20,25"]),
        (
            "Minimum: 15,85, Maximum: 1.244,56 bei 20.100.",
            ["15,85", "1.244,56", "20.100"],
        ),
        ("625,165 or 625.165", ["625,165", "625.165"]),
        ("PEP 484, ISO 8601, ISO-8601, ISO/IEC 9899, RFC 4180 and HTTP 404", []),
        ("Since Python 3.9, on port 8080, in version 2.25; HTTP/1.1", []),
        ("ports 8080 and 404", ["8080", "404"]),
    ],
)
def test_a_number_is_known_as_any_language_writes_it(answer, made_up):
    known = "price: mean 625.155, range 15.75 to 1234.56; 20000 rows; share 0.25"
    assert made_up_numbers(answer, known=known) == made_up


def test_a_share_is_known_as_per_cent():
    assert made_up_numbers("14% are missing", known="share_missing: 0.143") == []


@pytest.mark.parametrize(
    ("answer", "made_up"),
    [
        ("80% for training and 20% for testing", []),
        ("A share of 0.8 is for training.", []),
        ("85% for training and 15% for testing", ["85%", "15%"]),
        ("32% have none", []),
        ("37% have none, or 2%", ["37%", "2%"]),
        ("The quartiles are at 25%, 50% and 75%.", []),
        ("With 95% confidence, at a level of 0.05 or 0.01; 99 % or 100% are not needed.", []),
        ("25 rows, 50 of 75, 0.5 or 0.95", ["25", "50", "75", "0.5", "0.95"]),
    ],
)
def test_what_a_share_leaves_and_what_textbooks_have_is_known(answer, made_up):
    known = "train_test_split(X, y, test_size=0.2)\n68% of the rows have a price"
    assert made_up_numbers(answer, known=known) == made_up


def test_code_is_known_however_its_commas_are_meant():
    known = "np.random.randint(0,100,500); range(10,200); 1_000_000"
    # 190 is how many numbers there are from 10 to 200.
    answer = "500 whole numbers from 0 to 100, 180 to 200, of 1,000,000."
    assert made_up_numbers(answer, known=known) == ["180"]


@pytest.mark.parametrize(
    ("known", "answer", "made_up"),
    [
        ("for i in range(1, 100): print(i)", "prints the numbers from 1 to 99.", []),
        ("for i in range(1, 100): print(i)", "prints 99 or 101 numbers", ["101"]),
        ("for i in range(50): print(i)", "prints 0 through 49, not 51", ["51"]),
        ("np.arange(0, 100, 2)", "the 50 even numbers up to 98, not 97", ["97"]),
        ("np.zeros((20, 30))", "600 values, not 601", ["601"]),
        ("2 ** 10; 9 ** 99999999; 0 ** 5", "1024", []),
        ("for i in range(10):\n    for j in range(10): f()", "is called 100 times, not 90", ["90"]),
        ("rows: 100\ntrain, test = df[:80], df[80:]", "the last 20, from the 81 on", []),
        ("while count <= 40: count += 1", "ends at 41, and not at 42", ["42"]),
        ("range(5, 1, 0); range(10**20); arange(30, 0, -2)", "15 numbers", []),
        ("due 2024-03-30 at 14:30", "31 or 29", ["31", "29"]),
        ("df: 1,337 rows; float64", "from 0 to 1,336, 63, 65", ["63", "65"]),
        # Of exact results, none is rounded, and none is a share.
        ("a = 17; b = 30", "about 500, 47%", ["500", "47%"]),
    ],
)
def test_what_follows_from_known_numbers_is_known(known, answer, made_up):
    assert made_up_numbers(answer, known=known) == made_up


def test_in_a_long_text_not_every_number_follows_from_others():
    known = " ".join(str(number * 97) for number in range(1, 400))
    made_up = made_up_numbers(" and ".join(map(str, range(13, 1_000))), known=known)
    assert len(made_up) > 900


def test_many_numbers_take_no_time():
    known = " ".join(str(number * 7) for number in range(30_000))
    answer = " ".join(f"{number}.25" for number in range(2_000))
    begin = time.perf_counter()
    assert len(made_up_numbers(answer, known=known)) == 2_000
    assert time.perf_counter() - begin < 5


def test_parts_of_dates_are_known():
    known = "index (datetime64[ns], 2024-01-01 to 2024-03-30)"
    assert made_up_numbers("From January 1, 2024, to March 30, 2024.", known=known) == []
    assert made_up_numbers("From January 1, 2024, to December 31, 2024.", known=known) == ["31"]


@pytest.mark.parametrize(
    "number",
    ["1'234", "1'234'567", "1'234,5", "1.234.567,8", "1'234,567", "1,234'567.5", "9" * 38 + "e+10"],
)
def test_no_way_of_writing_a_number_hides_the_others(number):
    assert made_up_numbers(f"{number} and 365", known="rows: 20")[-1] == "365"
    assert "365" in made_up_numbers(f"365, {number}", known=f"rows: {number}")


def test_apostrophes_stand_between_thousands_only():
    assert made_up_numbers("1'337 rows", known="1 column, 337 rows") == ["1'337"]


@given(
    st.text(alphabet="0123456789.,%eE+- '\u00a0\u202f\n`x"),
    st.text(alphabet="0123456789.,eE+- x"),
)
def test_any_text_is_read(answer, known):
    assert all(number in answer for number in made_up_numbers(answer, known=known))


@given(st.text(alphabet="0123456789. "))
def test_what_is_repeated_is_known(text):
    assert made_up_numbers(text, known=text) == []


def explained(tmp_path, answer, *, task="explain"):
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=ScriptedEngine([answer]))
    sources = ContextSources(request=f"What is `sales`?\n\n{FACTS}", task=task)
    batch = session.stream(Ask(sources=sources, settings=session.config.settings))
    batch.read_to_end()
    return batch.result


def test_an_explanation_says_so(tmp_path):
    result = explained(tmp_path, "A table of 1,337 rows for the 365 days of 2023.")
    assert result.notes == ("Not in what the model was given, so perhaps made up: 365, 2023.",)


def test_numbers_with_commas_are_told_apart(tmp_path):
    result = explained(tmp_path, "A table of 1,500 rows for the 365 days of 2023.")
    assert result.notes == (
        "Not in what the model was given, so perhaps made up: 1,500; 365; 2023.",
    )


def test_other_answers_may_name_any(tmp_path):
    assert explained(tmp_path, "Take 365 days.", task="write").notes == ()
