CREATE TABLE flowers (id INT PRIMARY KEY, sepal_length DOUBLE, sepal_width DOUBLE, class INT);
CREATE TABLE wide AS SELECT *, sepal_length * 2 AS twice FROM flowers;
SELECT sepal_lenght FROM flowers WHERE id IN (SELECT idd FROM wide);
SELECT t.twize, f.class FROM wide AS t JOIN flowers f ON t.id = f.ident GROUP BY klass;
INSERT INTO flowers (id, sepal_witdh) SELECT id, twicee FROM wide;
UPDATE flowers SET claas = 3 WHERE idx = 1;
WITH r AS (SELECT id AS k FROM flowers) SELECT k, kk FROM r;
CREATE TABLE other AS SELECT nothing FROM wide WHERE EXISTS (SELECT 1 FROM flowers WHERE flowers.id = wide.area);
SELECT f.id, heigth FROM flowers AS f JOIN wide USING (id) TO PREDICT p.c USING m;
-- Nothing is known of these.
SELECT anything FROM flowers, elsewhere;
ALTER TABLE wide ADD COLUMN area DOUBLE;
SELECT area FROM wide;
