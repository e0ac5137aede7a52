# %%
import numpy as np
import pandas as pd

# %%
loans = pd.read_csv("inputs/loans.csv")
loans.info()

# %%
"""
question: |
  Impute the missing values of `credit_score` with the median of the customer's `home` group.

validator:
  namespace_check:
    loans:
"""

loans["credit_score"] = loans["credit_score"].fillna(
    loans.groupby("home")["credit_score"].transform("median")
)

# %%
"""
question: |
  new column loan_to_income = loan_amount / income

validator:
  namespace_check:
    loans:
"""

loans["loan_to_income"] = loans["loan_amount"] / loans["income"]

# %%
"""
question: |
  Default rate per age band, with bands of ten years labelled "20-29", "30-39", "40-49", "50-59" and "60-69", youngest first.

validator:
  result: |
    from loose_values import same_table as compare_fn
"""

bands = pd.cut(
    loans["age"],
    [20, 30, 40, 50, 60, 70],
    right=False,
    labels=["20-29", "30-39", "40-49", "50-59", "60-69"],
)
loans.groupby(bands, observed=True)["defaulted"].mean()

# %%
"""
question: |
  Prepare the features: `X` has the columns age, credit_score, late_payments and loan_to_income plus one-hot columns of home (home_mortgage, home_own, home_rent), and `y` is the defaulted column.

validator:
  namespace_check:
    X:
    y:
"""

X = pd.get_dummies(
    loans[["age", "credit_score", "late_payments", "loan_to_income", "home"]], columns=["home"]
)
y = loans["defaulted"]

# %%
"""
question: |
  split X and y into X_train, X_test, y_train, y_test with 25% for testing, stratified by y, random_state 1

validator:
  namespace_check:
    X_train:
    X_test:
    y_train:
    y_test:
"""

from sklearn.model_selection import train_test_split

X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=1
)

# %%
"""
question: |
  Fit a pipeline `clf` made of StandardScaler and LogisticRegression (default settings) on the training data.

validator:
  namespace_check:
    clf:
      type_only: true
  template: intact
  model:
    model_name: clf
    inputs_name: X_test
    labels_name: y_test
    metric_type: [accuracy, roc_auc]
    tolerance: [0.99, 0.99]
"""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

clf = make_pipeline(StandardScaler(), LogisticRegression())
clf.fit(X_train, y_train)

# %%
"""
question: |
  whats the accuracy on the test set?
"""

clf.score(X_test, y_test)

# %%
"""
question: |
  and the confusion matrix for it, true labels in the rows
"""

from sklearn.metrics import confusion_matrix

confusion_matrix(y_test, clf.predict(X_test))
