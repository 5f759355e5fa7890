SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH validation.select=[1, 2] LABEL y INTO m;
