# %%
import pandas as pd
import numpy as np

raw = pd.read_csv("inputs/readings.csv")
print(raw.shape)
raw.head(3)

# %%
"""
question: |
  Convert `timestamp` to datetime and make it the index. Put the result into `df` and leave `raw` untouched.

validator:
  namespace_check:
    df:
    raw:
"""

df = raw.assign(timestamp=pd.to_datetime(raw["timestamp"])).set_index("timestamp")

# %%
"""
question: |
  a power_w of -999 means the meter was offline. set these to NaN in df

validator:
  namespace_check:
    df:
"""

df["power_w"] = df["power_w"].replace(-999, np.nan)

# %%
"""
question: |
  fill the gaps in temp_c with linear interpolation (only temp_c, power_w stays as it is)

validator:
  namespace_check:
    df:
"""

df["temp_c"] = df["temp_c"].interpolate()

# %%
"""
question: |
  Resample to days: a dataframe `daily` with the mean of temp_c as "temp_mean" and the maximum of power_w as "power_max".

validator:
  namespace_check:
    daily:
      ignore_index: true
"""

daily = df.resample("D").agg({"temp_c": "mean", "power_w": "max"}).rename(
    columns={"temp_c": "temp_mean", "power_w": "power_max"}
)

# %%
"""
question: |
  Which day was the hottest on average? Answer with a string like 2024-03-31.

validator:
  result: |
    from loose_values import one_value as compare_fn
"""

daily["temp_mean"].idxmax().strftime("%Y-%m-%d")

# %%
"""
question: |
  add temp_roll to df: rolling mean of temp_c over 4 readings (first three stay empty)

validator:
  namespace_check:
    df:
"""

df["temp_roll"] = df["temp_c"].rolling(4).mean()

# %%
"""
question: |
  What is the longest run of consecutive readings with temp_c above 22? I need the number of readings.
"""

hot = df["temp_c"] > 22
int(hot.groupby((~hot).cumsum()).sum().max())

# %%
"""
question: |
  kWh used per day? power_w is in watts and there's one reading every 15 minutes, missing readings count as 0. give me a series with one value per day

validator:
  result: |
    from loose_values import last_values as compare_fn
"""

(df["power_w"].fillna(0) * 0.25 / 1000).resample("D").sum()
