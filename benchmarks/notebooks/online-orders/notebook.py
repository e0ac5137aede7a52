# %%
import pandas as pd

customers = pd.read_csv("inputs/customers.csv", parse_dates=["signup_date"])
products = pd.read_csv("inputs/products.csv")
orders = pd.read_csv("inputs/orders.csv", parse_dates=["order_date"])

# %%
for frame in (customers, products, orders):
    print(frame.shape, list(frame.columns))

# %%
"""
question: |
  Join orders with products (product_sku is the sku there) and with customers, keeping only orders whose customer is known. Call the result `full`; it shouldn't have the extra sku column.

validator:
  namespace_check:
    full:
      ignore_order: true
"""

full = (
    orders.merge(products, left_on="product_sku", right_on="sku")
    .drop(columns="sku")
    .merge(customers, on="customer_id")
)

# %%
"""
question: |
  add a column total to full: quantity * price with the discount_pct taken off

validator:
  namespace_check:
    full:
"""

full["total"] = full["quantity"] * full["price"] * (1 - full["discount_pct"] / 100)

# %%
"""
question: |
  names of the customers who never ordered anything

validator:
  result:
    ignore_order: true
    value_only: true
"""

customers.loc[~customers["customer_id"].isin(orders["customer_id"]), "name"].tolist()

# %%
"""
question: |
  Revenue (`total`) by country and brand without the returned orders: countries as rows, brands as columns, 0 where nothing was sold.
"""

full[full["returned"] == "N"].pivot_table(
    index="country", columns="brand", values="total", aggfunc="sum", fill_value=0
)

# %%
"""
question: |
  The three customers with the highest spending (sum of total) in each country, as a DataFrame with the columns "country", "name" and "total", sorted by country and then by total from high to low. Plain numbered rows.
"""

spending = full.groupby(["country", "name"], as_index=False)["total"].sum()
spending.sort_values(["country", "total"], ascending=[True, False]).groupby("country").head(
    3
).reset_index(drop=True)

# %%
"""
question: |
  put a category column into full: the letters of product_sku before the dash, lower case

validator:
  namespace_check:
    full:
"""

full["category"] = full["product_sku"].str.split("-").str[0].str.lower()

# %%
"""
question: |
  what percentage of orders is returned in each category? worst first

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

((full["returned"] == "Y").groupby(full["category"]).mean() * 100).sort_values(ascending=False)

# %%
"""
question: |
  running total of the daily revenue over the year (only the days that have orders), in date order

validator:
  result: |
    from loose_values import last_values as compare_fn
"""

full.groupby("order_date")["total"].sum().sort_index().cumsum()
