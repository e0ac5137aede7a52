"""Names that a request quotes, and an answer does without."""

import pytest

from codeface_jupyter.trials.missed_names import missed_names

CONVERT = 'convert "Yes" and "No" in churn to 1 and 0'
MASK = "df['churn'] == 'Yes'"


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ('plot df with the title "monthly sales"', "df.plot(title='Monthly Sales')"),
        ('titled "monthly sales"', "ax.set_title(f'Monthly Sales of {year}')"),
        ('print "Total sales" and the sum', "print('total sales:', total)"),
        ('rows of "North"', "df[df['region'] == 'north']"),
        (CONVERT, f"df['churn'] = ({MASK}).astype(int)"),
        (CONVERT, f"df['churn'] = np.where({MASK}, 1, 0)"),
        (CONVERT, f"df['churn'] = ({MASK}) * 1"),
        (CONVERT, f"df['churn'] = {MASK}"),
        (CONVERT, "df['churn'] = df['churn'].eq('Yes').map({True: 1, False: 0})"),
        (CONVERT, "df['churn'].apply(lambda word: 1 if word == 'Yes' else 0)"),
        (CONVERT, "[int(word in ('Yes', 'Y')) for word in df.churn]"),
        (CONVERT, "if churn == 'Yes':\n    n = 1\nelse:\n    n = 0"),
        # The second is as good as the first, and so is it in other cases.
        (CONVERT, "(df['churn'] != 'No').astype(int)"),
        (CONVERT, "(df['churn'].str.lower() == 'yes').astype(int)"),
        ('turn "Yes"/"No" of "churn" into 1/0', f"({MASK}).astype(int)"),
        ('make "Yes" and "No." of churn 1 and 0', f"({MASK}).astype(int)"),
        ('map "Yes" to 1, and "No" to 0', f"({MASK}).astype(int)"),
        ('in "churn": "Yes" or "No" as a number', f"({MASK}).astype(int)"),
    ],
)
def test_nothing_is_missed(request_text, code):
    assert missed_names(request_text, code) == ()


@pytest.mark.parametrize(
    ("request_text", "code", "missed"),
    [
        ('a table with "Origin" as a column', "df[['origin']]", ("Origin",)),
        ('call them "Low"', "pd.cut(hp, 3, labels=['low'])", ("Low",)),
        ('the mean as "Total"', "{'total': df.mean()}", ("Total",)),
        ('a column "Age"', "df['years'] = 1\nplt.title('Average years')", ("Age",)),
        ('where the answer is "No"', "df[df['answer'] == 'Unknown']", ("No",)),
        # Rows that are chosen by the one are not those of the other.
        ('rows where churn is "Yes" or "No"', f"df[{MASK}]", ("No",)),
        ('how many are "Yes" and "No"', f"({MASK}).sum()", ("No",)),
        ('rows where churn is "Yes" or "No"', f"rows = {MASK}\ndf[rows]", ("No",)),
        ('rows where churn is "Yes" or "No"', f"df.where({MASK}).dropna()", ("No",)),
        # Of three, the rest are two.
        ('"Yes", "No" and "Maybe" as numbers', f"({MASK}).astype(int)", ("No", "Maybe")),
        ('"Yes" and "No" and "Maybe" as numbers', f"({MASK}).astype(int)", ("No", "Maybe")),
        ('"Yes" as 1, in a column "left"', f"({MASK}).astype(int)", ("left",)),
        (CONVERT, "df['churn'].astype(int)", ("Yes", "No")),
    ],
)
def test_what_is_missed_is_told(request_text, code, missed):
    assert missed_names(request_text, code) == missed


def test_code_that_does_not_parse_misses_nothing():
    assert missed_names(CONVERT, "df[") == ()
