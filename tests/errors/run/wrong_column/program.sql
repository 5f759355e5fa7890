CREATE TABLE copied AS SELECT * FROM flowers;

SELECT sepal_lenght, class FROM copied
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3
LABEL class
INTO new_model;
