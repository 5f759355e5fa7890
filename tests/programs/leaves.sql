-- Statements that make nothing are assets of their own; names never clash.
SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO t;
SELECT a, y FROM t JOIN u USING (k) TO EVALUATE t LABEL y;
SELECT a, y FROM t JOIN u USING (k) WHERE a > 0 TO EXPLAIN t;
CREATE TABLE t AS SELECT 1 AS a;
SELECT * FROM t;
SELECT * FROM t;
CREATE TABLE select_t_2 AS SELECT 1 AS a;
COPY t TO 'out.csv';
DROP TABLE t;
