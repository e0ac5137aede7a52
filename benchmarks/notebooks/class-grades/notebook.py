# %%
import pandas as pd

# %%
grades = pd.read_csv("inputs/grades.csv")
subjects = ["math", "science", "history", "english"]
grades.describe()

# %%
"""
question: |
  Give every student an `average` over the four subjects in a new column of grades, rounded to one decimal. If the science mark is missing just average the other three.

validator:
  namespace_check:
    grades:
"""

grades["average"] = grades[subjects].mean(axis=1).round(1)

# %%
"""
question: |
  Now a letter column called letter, from the average: A from 85 up, B from 70, C from 55, D from 40, everything below is F.

validator:
  namespace_check:
    grades:
"""

grades["letter"] = pd.cut(
    grades["average"], [0, 40, 55, 70, 85, 101], right=False, labels=list("FDCBA")
).astype(str)

# %%
"""
question: |
  how many students got each letter? from A to F, with 0 if nobody got it

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

grades["letter"].value_counts().reindex(list("ABCDF"), fill_value=0)

# %%
"""
question: |
  Reshape the four subject columns into long format: a frame called `long` with the columns "student", "class", "subject" and "score". Drop rows without a score.

validator:
  namespace_check:
    long:
      ignore_order: true
      ignore_index: true
"""

long = grades.melt(
    id_vars=["student", "class"], value_vars=subjects, var_name="subject", value_name="score"
).dropna(subset=["score"])

# %%
"""
question: |
  who has the best average in each class? just class and name

validator:
  result: |
    from loose_values import rows_in_any_order as compare_fn
"""

grades.loc[grades.groupby("class")["average"].idxmax()].set_index("class")["student"]

# %%
"""
question: |
  Rank the students within their class by average in a new column `class_rank` of grades: the best one is 1, and students with equal averages share the smaller number.

validator:
  namespace_check:
    grades:
"""

grades["class_rank"] = (
    grades.groupby("class")["average"].rank(ascending=False, method="min").astype(int)
)

# %%
"""
question: |
  from long, the mean score per class and subject as a table (classes down, subjects across), 2 decimals
"""

long.pivot_table(index="class", columns="subject", values="score", aggfunc="mean").round(2)

# %%
"""
question: |
  Do absences go together with worse averages? Just the Pearson correlation coefficient please.
"""

grades["absences"].corr(grades["average"])
