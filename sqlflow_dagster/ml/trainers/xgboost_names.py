"""The estimators of XGBoost, known without importing it or numpy: a compile asks for their names."""

ESTIMATORS = ("XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRanker", "XGBRegressor")
"""The names of the library's classes, which are known with and without ``xgboost.`` before them."""
