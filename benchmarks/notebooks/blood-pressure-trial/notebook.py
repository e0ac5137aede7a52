# %%
import pandas as pd
import numpy as np
from scipy import stats

trial = pd.read_csv("inputs/trial.csv")
trial.head()

# %%
"""
question: |
  Put the patients that have an sbp_after value into `done` (a copy; `trial` stays as it is) and add a column `change` to it: sbp_after minus sbp_before.

validator:
  namespace_check:
    done:
    trial:
"""

done = trial.dropna(subset=["sbp_after"]).copy()
done["change"] = done["sbp_after"] - done["sbp_before"]

# %%
"""
question: |
  Summarise the change per arm: columns "mean", "std" and "n", with the arms as the index in the order placebo, low, high.
"""

done.groupby("arm")["change"].agg(mean="mean", std="std", n="count").loc[
    ["placebo", "low", "high"]
]

# %%
"""
question: |
  Welch's t-test (unequal variances) of the change, arm low against arm placebo. Return the t statistic and the two-sided p-value as a tuple.
"""

result = stats.ttest_ind(
    done.loc[done["arm"] == "low", "change"],
    done.loc[done["arm"] == "placebo", "change"],
    equal_var=False,
)
(result.statistic, result.pvalue)

# %%
"""
question: |
  add bmi to done (kg / m^2, one decimal)

validator:
  namespace_check:
    done:
"""

done["bmi"] = (done["weight_kg"] / (done["height_cm"] / 100) ** 2).round(1)

# %%
"""
question: |
  how many patients in done are underweight (bmi under 18.5), normal (18.5 to under 25), overweight (25 to under 30) and obese (30 and more)? use these names, in that order

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

pd.cut(
    done["bmi"],
    [0, 18.5, 25, 30, np.inf],
    right=False,
    labels=["underweight", "normal", "overweight", "obese"],
).value_counts(sort=False)

# %%
"""
question: |
  Is having a side effect related to the arm? p-value of the chi-squared test on all patients of trial.
"""

stats.chi2_contingency(pd.crosstab(trial["arm"], trial["side_effect"])).pvalue

# %%
"""
question: |
  95% confidence interval for the mean change in the high arm (t distribution), as a tuple (lower, upper)
"""

high = done.loc[done["arm"] == "high", "change"]
stats.t.interval(0.95, len(high) - 1, loc=high.mean(), scale=stats.sem(high))

# %%
"""
question: |
  Define `cohens_d(a, b)`: the mean of a minus the mean of b, divided by the pooled standard deviation (sample variances, ddof=1).

validator:
  table_test:
    function_name: cohens_d
    test_cases:
    - a: [5.0, 7.0, 9.0, 6.0]
      b: [4.0, 4.5, 6.0]
    - a: [1, 2, 3]
      b: [2, 3, 4, 5, 9]
    - a: [10.5, 11.5]
      b: [8.0, 9.5, 7.0]
"""

def cohens_d(a, b):
    var_a, var_b = np.var(a, ddof=1), np.var(b, ddof=1)
    pooled = np.sqrt(
        ((len(a) - 1) * var_a + (len(b) - 1) * var_b) / (len(a) + len(b) - 2)
    )
    return float((np.mean(a) - np.mean(b)) / pooled)
