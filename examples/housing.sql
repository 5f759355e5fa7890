-- What is a house worth? A regression on houses that `sqlflow demo-data` makes up.
--
--   sqlflow run examples/housing.sql --datasource duckdb:///sqlflow.duckdb

CREATE TABLE housing.train AS
SELECT * FROM housing.raw WHERE id % 4 <> 0;

CREATE TABLE housing.test AS
SELECT * FROM housing.raw WHERE id % 4 = 0;

-- district is text. A text column is a category: the districts of the training rows are kept with the
-- model, and PREDICT reads them the same way. id is left out of the SELECT, for it tells nothing.
SELECT area, rooms, age, distance, district, price FROM housing.train
TO TRAIN xgboost.gbtree
WITH
    objective = "reg:squarederror",
    max_depth = 4,
    eta = 0.15,
    train.num_boost_round = 120,
    validation.select = "SELECT * FROM housing.test",
    validation.metrics = "r2_score, mean_absolute_error"
LABEL price
INTO housing_model;

-- The true price is replaced by the predicted one; ask for another name and write price AS true_price to
-- have both.
SELECT * FROM housing.test
TO PREDICT housing.predict.price
USING housing_model;

SELECT * FROM housing.test
TO EVALUATE housing_model
WITH validation.metrics = "r2_score, mean_absolute_error"
LABEL price
INTO housing.evaluation;

SELECT * FROM housing.test
TO EXPLAIN housing_model
WITH summary.plot_type = "dot"
INTO housing.explanation;

-- A SELECT of its own is printed: what the districts cost.
SELECT district, count(*) AS houses, round(avg(price)) AS mean_prediction
FROM housing.predict
GROUP BY district
ORDER BY mean_prediction DESC;
