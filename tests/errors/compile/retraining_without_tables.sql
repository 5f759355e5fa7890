CREATE TABLE points AS SELECT i AS x, i AS y FROM range(10) AS t(i);
SELECT * FROM points TO TRAIN xgboost.gbtree WITH retrain.min_new_rows=10 LABEL y INTO m;
