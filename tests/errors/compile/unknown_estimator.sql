SELECT a, y FROM t
TO TRAIN DNNClasifier
LABEL y
INTO m;
SELECT a, y FROM t TO TRAIN xgboost.gbtre LABEL y INTO n;
