# %%
import numpy as np

A = np.array([[4.0, 1.0, 2.0], [1.0, 3.0, 0.0], [2.0, 0.0, 5.0]])
b = np.array([7.0, 5.0, 12.0])

# %%
rng = np.random.default_rng(7)
M = rng.integers(0, 50, size=(6, 8))
M

# %%
points = np.loadtxt("inputs/points.csv", delimiter=",", skiprows=1)  # x, y, z, group
points.shape

# %%
"""
question: |
  solve A x = b and keep the solution in x

validator:
  namespace_check:
    x:
"""

x = np.linalg.solve(A, b)

# %%
"""
question: |
  How many entries of M are even and greater than 20?
"""

int(((M % 2 == 0) & (M > 20)).sum())

# %%
"""
question: |
  Create `N`: a copy of `M` in which each entry that is smaller than the mean of its column is set to 0. `M` itself must not change.

validator:
  namespace_check:
    N:
    M:
"""

N = np.where(M < M.mean(axis=0), 0, M)

# %%
"""
question: |
  eigenvalues of A, largest first
"""

np.sort(np.linalg.eigvalsh(A))[::-1]

# %%
"""
question: |
  Fit a straight line y = slope * x + intercept to the first two columns of `points` (x and y) by least squares. Return `(slope, intercept)`.
"""

slope, intercept = np.polyfit(points[:, 0], points[:, 1], 1)
(slope, intercept)

# %%
"""
question: |
  I need the matrix of euclidean distances between all pairs of points, only using the x and y columns. Name it `D`.

validator:
  namespace_check:
    D:
      atol: 1.0e-6
"""

D = np.sqrt(((points[:, None, :2] - points[None, :, :2]) ** 2).sum(axis=2))

# %%
"""
question: |
  using D: for each point, the index of the nearest other point (not itself), as an array. D should stay the same

validator:
  result:
  namespace_check:
    D:
"""

np.argmin(np.where(np.eye(len(D), dtype=bool), np.inf, D), axis=1)

# %%
"""
question: |
  write a function moving_average(values, window) that takes a list of numbers and returns the list of means of each full window of that many neighbouring values

validator:
  table_test:
    function_name: moving_average
    test_cases:
    - values: [1, 2, 3, 4, 5, 6]
      window: 3
    - values: [4, 8, 15, 16, 23, 42]
      window: 2
    - values: [2.5, 3.5, 7.0]
      window: 3
    - values: [9, 1, 5]
      window: 1
"""

def moving_average(values, window):
    return [sum(values[i : i + window]) / window for i in range(len(values) - window + 1)]
