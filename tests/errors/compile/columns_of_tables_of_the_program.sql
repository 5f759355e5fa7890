CREATE TABLE flowers (id INT, sepal_length DOUBLE, sepal_width DOUBLE, class INT);
CREATE TABLE train AS SELECT *, sepal_length * sepal_width AS area FROM flowers WHERE id > 10;
-- The columns are known through both tables; a name may stand for one that the SELECT gives.
SELECT sepal_lenght, t.hight, area AS a, class FROM train AS t WHERE a > 1 AND speces = 'x'
TO TRAIN xgboost.gbtree LABEL class INTO m;
SELECT * FROM train TO TRAIN xgboost.gbtree COLUMN area, petal_width LABEL klass INTO n;
-- Nothing is known of these.
CREATE TABLE IF NOT EXISTS kept (a INT);
SELECT b, c FROM kept TO PREDICT p.c USING m;
SELECT b, rowid FROM elsewhere TO PREDICT q.c USING m;
