-- Which iris is it? A model learns it from four lengths, and one statement each uses, judges and
-- explains it: examples/iris.sql without the neural network, for Pythons that PyTorch is not installed for.
-- The tables come from `sqlflow demo-data`.
--
--   sqlflow check examples/no_torch/iris.sql
--   sqlflow run examples/no_torch/iris.sql --datasource duckdb:///sqlflow.duckdb

-- Ordinary statements go to the database as they are. Four flowers of five are for learning.
CREATE TABLE iris.train AS
SELECT * FROM iris.raw WHERE id % 5 <> 0;

-- The fifth is kept for judging, with its species as a number: 0, 1 or 2.
CREATE TABLE iris.test AS
SELECT r.*, s.class
FROM iris.raw AS r
JOIN iris.species AS s ON r.species = s.name
WHERE id % 5 = 0;

-- A SELECT that ends in TO TRAIN trains a model. Every column but the LABEL is a feature. The rows of
-- validation.select take no part in learning: they tell how good the model is.
SELECT t.sepal_length, t.sepal_width, t.petal_length, t.petal_width, s.class
FROM iris.train AS t
JOIN iris.species AS s ON t.species = s.name
TO TRAIN xgboost.gbtree
WITH
    objective = "multi:softprob",
    num_class = 3,
    train.num_boost_round = 30,
    validation.select = "SELECT * FROM iris.test"
LABEL class
INTO iris_xgb;

-- Make the table iris.predict: the rows of the SELECT, with the model's answer in the column class.
SELECT * FROM iris.test
TO PREDICT iris.predict.class
USING iris_xgb;

-- Make the table iris.evaluation: one row, one column for each metric.
SELECT * FROM iris.test
TO EVALUATE iris_xgb
WITH validation.metrics = "accuracy_score"
LABEL class
INTO iris.evaluation;

-- Make the table iris.explanation: for each row, what each feature added to the answer. And a plot.
SELECT * FROM iris.test
TO EXPLAIN iris_xgb
WITH summary.plot_type = "bar"
INTO iris.explanation;
