CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM copied
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3, train.num_bost_round = 10
LABEL class
INTO new_model;
