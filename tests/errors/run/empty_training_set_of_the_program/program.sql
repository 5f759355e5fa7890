CREATE TABLE long_ones AS SELECT * FROM flowers WHERE sepal_length > 99;

SELECT * FROM long_ones
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3
LABEL class
INTO new_model;
