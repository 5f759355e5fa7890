"""What the networks of :mod:`sqlflow_dagster.ml.trainers.torch` are made of, an idea a module."""
