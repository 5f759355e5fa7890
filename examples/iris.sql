-- Which iris is it? Two models learn it from four lengths, and one statement each uses, judges and
-- explains them. The tables come from `sqlflow demo-data`.
--
--   sqlflow check examples/iris.sql
--   sqlflow run examples/iris.sql --datasource duckdb:///sqlflow.duckdb

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

-- The same SELECT again: it is computed once for both models, which are trained side by side. COLUMN says
-- which columns are features, and how each is to be read.
SELECT t.sepal_length, t.sepal_width, t.petal_length, t.petal_width, s.class
FROM iris.train AS t
JOIN iris.species AS s ON t.species = s.name
TO TRAIN DNNClassifier
WITH
    model.n_classes = 3,
    model.hidden_units = [10, 10],
    model.optimizer = Adam,
    optimizer.learning_rate = 0.01,
    train.batch_size = 16,
    train.epoch = 60
COLUMN sepal_length, sepal_width, petal_length, petal_width
LABEL class
INTO iris_dnn;

-- Make the table iris.predict: the rows of the SELECT, with the model's answer in the column class.
SELECT * FROM iris.test
TO PREDICT iris.predict.class
USING iris_dnn;

-- Make the table iris.evaluation: one row, one column for each metric.
SELECT * FROM iris.test
TO EVALUATE iris_dnn
WITH validation.metrics = "accuracy_score"
LABEL class
INTO iris.evaluation;

-- Make the table iris.explanation: for each row, what each feature added to the answer. And a plot.
SELECT * FROM iris.test
TO EXPLAIN iris_xgb
WITH summary.plot_type = "bar"
INTO iris.explanation;
