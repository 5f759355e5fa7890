-- Functions that do not exist, and such that are given too few or too many arguments.
SELECT a, b, c, y FROM t
TO TRAIN DNNClassifier
COLUMN NUMRIC(a), EMBEDDING(CATEGORYID(b, 10), 8), CROSS([BUKET(a, 3), b], 16), category_hash(c), MEDIAN(a), BUCKET(a, 1, 2)
LABEL y INTO m;
-- Nothing is wrong here.
SELECT a, b, c, y FROM t
TO TRAIN DNNClassifier
COLUMN numeric(a), EMBEDDING(CATEGORY_ID(b, 10), 8, "mean"), CROSS([BUCKET(a, [1, 2]), b], 16), DENSE(c, [2, 2], COMMA)
LABEL y INTO n;
