CREATE TABLE copied AS SELECT * FROM flowers;

SELECT a.* FROM flowers AS a JOIN flowers AS b ON a.class = b.class AND a.sepal_length > 99
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3
LABEL class
INTO new_model;
