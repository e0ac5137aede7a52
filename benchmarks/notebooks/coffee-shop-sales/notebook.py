# %%
import pandas as pd

# %%
sales = pd.read_csv("inputs/sales.csv", parse_dates=["date"])
sales.head()

# %%
"""
question: |
  add a revenue column to sales, qty times unit price

validator:
  namespace_check:
    sales:
"""

sales["revenue"] = sales["qty"] * sales["unit_price"]

# %%
"""
question: |
  total revenue per store, highest first

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

sales.groupby("store")["revenue"].sum().sort_values(ascending=False)

# %%
"""
question: |
  avg revenue per sale for each item, top 5

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

sales.groupby("item")["revenue"].mean().nlargest(5)

# %%
"""
question: |
  which store sold least in february? (revenue)

validator:
  result: |
    from loose_values import one_value as compare_fn
"""

sales[sales["date"].dt.month == 2].groupby("store")["revenue"].sum().idxmin()

# %%
"""
question: |
  now revenue by month for all stores: month number as the index, one column per store. call it monthly

validator:
  namespace_check:
    monthly:
"""

monthly = sales.pivot_table(
    index=sales["date"].dt.month, columns="store", values="revenue", aggfunc="sum"
)

# %%
"""
question: |
  change from month to month of each store in percent, rounded to 1 digit

validator:
  result:
    ignore_index: true
"""

(monthly.pct_change() * 100).round(1)

# %%
"""
question: |
  whats the busiest hour of the day, i.e. in which hour do we have the most sales? just the hour as an int

validator:
  result: |
    from loose_values import one_value as compare_fn
"""

int(sales["time"].str[:2].astype(int).value_counts().idxmax())

# %%
"""
question: |
  How do people pay at each store? I want the share of each payment type per store as fractions that add up to 1 in every row, stores as rows and payment types as columns.
"""

pd.crosstab(sales["store"], sales["payment"], normalize="index")
