# %%
import pandas as pd
import numpy as np

stations = pd.read_csv("inputs/stations.csv")
trips = pd.read_csv("inputs/trips.csv")
trips.head()

# %%
"""
question: |
  started and ended are strings, convert both to datetime

validator:
  namespace_check:
    trips:
"""

trips["started"] = pd.to_datetime(trips["started"])
trips["ended"] = pd.to_datetime(trips["ended"])

# %%
"""
question: |
  rider is messy ("Member", "casual " ...). should only be member or casual

validator:
  namespace_check:
    trips:
"""

trips["rider"] = trips["rider"].str.strip().str.lower()

# %%
"""
question: |
  add minutes = how long each trip took, in minutes

validator:
  namespace_check:
    trips:
"""

trips["minutes"] = (trips["ended"] - trips["started"]).dt.total_seconds() / 60

# %%
"""
question: |
  How long are long trips? The 90th percentile of minutes for both rider types, on weekdays and at weekends (Saturday and Sunday, by start): riders as rows, columns "weekday" and "weekend".
"""

is_weekend = np.where(trips["started"].dt.dayofweek >= 5, "weekend", "weekday")
trips.groupby(["rider", is_weekend])["minutes"].quantile(0.9).unstack()

# %%
"""
question: |
  Write a function `haversine(lat1, lon1, lat2, lon2)` for the great-circle distance in km between two points given in degrees. Use 6371 km as the earth's radius.

validator:
  table_test:
    function_name: haversine
    test_cases:
    - {lat1: 52.52, lon1: 13.405, lat2: 52.545, lon2: 13.391}
    - {lat1: 48.8566, lon1: 2.3522, lat2: 51.5074, lon2: -0.1278}
    - {lat1: 0.0, lon1: 0.0, lat2: 0.0, lon2: 90.0}
"""

def haversine(lat1, lon1, lat2, lon2):
    lat1, lon1, lat2, lon2 = map(np.radians, (lat1, lon1, lat2, lon2))
    a = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6371 * np.arcsin(np.sqrt(a))

# %%
"""
question: |
  now use it: column km in trips with the distance between from_station and to_station (coordinates are in stations). trips should get no other new columns

validator:
  namespace_check:
    trips:
      atol: 1.0e-6
"""

places = stations.set_index("station")
start, end = places.loc[trips["from_station"]], places.loc[trips["to_station"]]
trips["km"] = haversine(
    start["lat"].to_numpy(), start["lon"].to_numpy(), end["lat"].to_numpy(), end["lon"].to_numpy()
)

# %%
"""
question: |
  for every from_station: what % of its trips are round trips, i.e. end where they started? highest first

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

is_round = trips["from_station"] == trips["to_station"]
(is_round.groupby(trips["from_station"]).mean() * 100).sort_values(ascending=False)

# %%
"""
question: |
  which bike was ridden the longest in total? id only

validator:
  result: |
    from loose_values import one_value as compare_fn
"""

trips.groupby("bike_id")["minutes"].sum().idxmax()
