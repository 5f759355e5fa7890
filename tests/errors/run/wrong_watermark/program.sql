CREATE TABLE copied AS SELECT * FROM flowers;

SELECT sepal_length, class FROM copied
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3, retrain.min_new_rows = 10, retrain.watermark = "sepal_lenght"
LABEL class
INTO new_model;
