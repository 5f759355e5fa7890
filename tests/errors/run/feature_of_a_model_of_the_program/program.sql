CREATE TABLE long_ones AS SELECT sepal_length, class FROM flowers;

SELECT * FROM flowers
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3
LABEL class
INTO new_model;

SELECT * FROM long_ones
TO PREDICT guessed.class
USING new_model;
