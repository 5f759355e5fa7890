CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM flowers
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3
LABLE class
INTO new_model;
