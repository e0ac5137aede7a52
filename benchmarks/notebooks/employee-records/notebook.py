# %%
import pandas as pd
import numpy as np

staff = pd.read_csv("inputs/staff_export.csv")

# %%
staff.sample(5, random_state=0)

# %%
"""
question: |
  clean up the column names of staff: lower case, and spaces and dashes become underscores

validator:
  namespace_check:
    staff:
"""

staff.columns = staff.columns.str.lower().str.replace(r"[ -]", "_", regex=True)

# %%
"""
question: |
  Remove exact duplicate rows from `staff` and renumber the rows from 0.

validator:
  namespace_check:
    staff:
"""

staff = staff.drop_duplicates().reset_index(drop=True)

# %%
"""
question: |
  full_name and department have stray spaces at the ends, strip them. Departments should also all be written in title case, except HR which stays HR.

validator:
  namespace_check:
    staff:
"""

staff["full_name"] = staff["full_name"].str.strip()
staff["department"] = staff["department"].str.strip().str.title().replace("Hr", "HR")

# %%
"""
question: |
  annual_salary is text like $52,300, turn it into ints

validator:
  namespace_check:
    staff:
"""

staff["annual_salary"] = staff["annual_salary"].str.replace(r"[$,]", "", regex=True).astype(int)

# %%
"""
question: |
  parse hire_date (day/month/year) to real dates

validator:
  namespace_check:
    staff:
"""

staff["hire_date"] = pd.to_datetime(staff["hire_date"], format="%d/%m/%Y")

# %%
"""
question: |
  how many rows have a missing email?
"""

int(staff["e_mail"].isna().sum())

# %%
"""
question: |
  Some ratings are missing. Fill them in place with the median rating of the same department.

validator:
  namespace_check:
    staff:
"""

staff["rating"] = staff["rating"].fillna(
    staff.groupby("department")["rating"].transform("median")
)

# %%
"""
question: |
  For each department: the average salary and the number of people. Department as the index, columns "avg_salary" and "headcount", best paid department first.
"""

staff.groupby("department").agg(
    avg_salary=("annual_salary", "mean"), headcount=("emp_id", "size")
).sort_values("avg_salary", ascending=False)
