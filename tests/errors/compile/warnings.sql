SELECT * FROM t WHERE a ==;
SELECT a, b b b FROM t
  JOIN u TO EXPLAIN m;
SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH validation.select="SELECT FROM WHERE" LABEL y INTO m;
