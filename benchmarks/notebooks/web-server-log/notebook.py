# %%
import json
import re

with open("inputs/server.log") as file:
    lines = file.read().splitlines()

print(len(lines))
print("\n".join(lines[:4]))

# %%
with open("inputs/config.json") as file:
    config = json.load(file)

config["endpoints"][0]

# %%
"""
question: |
  Parse every line with a regular expression into a dict with the keys "time" (date and time together, kept as text), "level", "user", "path", "status" (int), "ms" (int) and "ip". Collect the dicts in a list named `records`.

validator:
  namespace_check:
    records:
"""

pattern = re.compile(r"(\S+ \S+) (\w+) user=(\w+) GET (\S+) (\d+) (\d+)ms ip=(\S+)")
records = []
for line in lines:
    time, level, user, path, status, ms, ip = pattern.match(line).groups()
    records.append(
        {"time": time, "level": level, "user": user, "path": path, "status": int(status), "ms": int(ms), "ip": ip}
    )

# %%
"""
question: |
  how many errors (level ERROR) did each user get? dict user -> count

validator:
  result: |
    from loose_values import rows_in_any_order as compare_fn
"""

errors = {}
for record in records:
    if record["level"] == "ERROR":
        errors[record["user"]] = errors.get(record["user"], 0) + 1
errors

# %%
"""
question: |
  make a dict avg_ms: path -> average ms of its requests with status 200, rounded to 1 decimal

validator:
  namespace_check:
    avg_ms:
"""

times = {}
for record in records:
    if record["status"] == 200:
        times.setdefault(record["path"], []).append(record["ms"])
avg_ms = {path: round(sum(values) / len(values), 1) for path, values in times.items()}

# %%
"""
question: |
  Write a function `slowest(records, n)` that returns the `n` slowest requests as a list of `(path, ms)` tuples, the slowest first.

validator:
  table_test:
    function_name: slowest
    test_cases:
    - records:
      - {path: /a, ms: 12, user: x}
      - {path: /b, ms: 99, user: y}
      - {path: /c, ms: 40, user: x}
      - {path: /a, ms: 41, user: z}
      n: 2
    - records:
      - {path: /a, ms: 12, user: x}
      - {path: /b, ms: 99, user: y}
      n: 5
    - records: []
      n: 3
"""

def slowest(records, n):
    ordered = sorted(records, key=lambda record: record["ms"], reverse=True)
    return [(record["path"], record["ms"]) for record in ordered[:n]]

# %%
"""
question: |
  function bump(version, part): version is a string like "2.3.1" and part is "major", "minor" or "patch". returns the next version as a string, the smaller parts go back to 0

validator:
  table_test:
    function_name: bump
    test_cases:
    - {version: "2.3.1", part: major}
    - {version: "2.3.1", part: minor}
    - {version: "2.3.1", part: patch}
    - {version: "0.9.19", part: minor}
    - {version: "1.0.99", part: patch}
"""

def bump(version, part):
    major, minor, patch = map(int, version.split("."))
    if part == "major":
        return f"{major + 1}.0.0"
    if part == "minor":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"

# %%
"""
question: |
  from config, which paths does each owner have? a dict of owner to list of paths
"""

by_owner = {}
for endpoint in config["endpoints"]:
    by_owner.setdefault(endpoint["owner"], []).append(endpoint["path"])
by_owner

# %%
"""
question: |
  Make a class RateLimiter: it is created with a limit, and its method allow(user) returns True the first `limit` times it is called for that user and False afterwards. Then create `limiter` with the limit 40, call it for the user of each record in order, and give the number of calls that were refused.
"""

class RateLimiter:
    def __init__(self, limit):
        self.limit = limit
        self.calls = {}

    def allow(self, user):
        self.calls[user] = self.calls.get(user, 0) + 1
        return self.calls[user] <= self.limit


limiter = RateLimiter(40)
refused = 0
for record in records:
    if not limiter.allow(record["user"]):
        refused += 1
refused

# %%
"""
question: |
  Drop the endpoints that have the tag "private" and dump the rest of the config as JSON into a string `public_json`, keys sorted, indented by 2. Don't change `config` itself.

validator:
  namespace_check:
    public_json:
    config:
"""

public = {
    **config,
    "endpoints": [e for e in config["endpoints"] if "private" not in e["tags"]],
}
public_json = json.dumps(public, indent=2, sort_keys=True)
