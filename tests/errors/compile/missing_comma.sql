SELECT * FROM t TO TRAIN xgboost.gbtree
WITH objective = "reg:squarederror" eta = 0.1 LABEL y INTO m;
SELECT * FROM t TO TRAIN xgboost.gbtree COLUMN a b LABEL y INTO n;
