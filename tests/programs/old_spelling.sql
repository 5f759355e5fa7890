-- The spelling before TO, clauses in another order, and comments everywhere.
SELECT a, b, y FROM train /* not a clause: */ TRAIN xgboost.gbtree LABEL y WITH objective = "reg:squarederror" INTO first; -- done
-- it's a comment; with a semicolon
SELECT a, b, y -- the columns
FROM train -- the table
TO TRAIN DNNRegressor -- the estimator
INTO second -- the model
USING first LABEL y;
SHOW TRAIN second;
SELECT a, b FROM later EXPLAIN second;
