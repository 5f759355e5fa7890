CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM copied
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3
LABEL clas
INTO new_model;
