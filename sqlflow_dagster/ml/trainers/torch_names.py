"""The names of the networks, known without importing PyTorch."""

ESTIMATORS: tuple[str, ...] = (
    "DNNClassifier",
    "DNNLinearCombinedClassifier",
    "DNNLinearCombinedRegressor",
    "DNNRegressor",
    "DeepEmbeddingClusterModel",
    "LinearClassifier",
    "LinearRegressor",
    "RNNBasedTimeSeriesModel",
    "StackedRNNClassifier",
)
"""What a program may write after TO TRAIN, alone or as ``sqlflow_models.Name``."""
