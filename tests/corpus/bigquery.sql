-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- p.d.orders -> d.daily
CREATE OR REPLACE TABLE d.daily PARTITION BY day CLUSTER BY region OPTIONS (description = 'x') AS SELECT DATE(at) AS day, region, SUM(price) AS total FROM `p.d.orders` GROUP BY 1, 2

-- my-project.d.T ->
SELECT * FROM my-project.d.T

-- d.src -> d.tgt
INSERT d.tgt (a, b) SELECT a, b FROM d.src

-- d.src -> d.tgt
INSERT INTO d.tgt SELECT * FROM d.src

-- d.vips -> d.t
DELETE FROM d.t WHERE id IN (SELECT id FROM d.vips)

-- d.s -> d.t
UPDATE d.t SET x = s.x FROM d.s AS s WHERE t.id = s.id

-- d.s -> d.t
MERGE d.t USING d.s ON t.id = s.id WHEN MATCHED THEN UPDATE SET x = s.x WHEN NOT MATCHED BY TARGET THEN INSERT ROW WHEN NOT MATCHED BY SOURCE THEN DELETE

-- -> d.t
TRUNCATE TABLE d.t

-- d.t ->
SELECT * EXCEPT (a), x.* REPLACE (1 AS b) FROM d.t AS x

-- d.t ->
SELECT t.id, item FROM d.t AS t, t.items AS item WITH OFFSET AS position

-- d.t ->
SELECT id, i.name FROM d.t, UNNEST(items) AS i LEFT JOIN UNNEST(i.tags) AS tag

-- d.a d.b ->
SELECT ARRAY(SELECT AS STRUCT x, y FROM d.b), ARRAY_AGG(z IGNORE NULLS ORDER BY z LIMIT 3) FROM d.a

-- d.events_* ->
SELECT * FROM `d.events_*` WHERE _TABLE_SUFFIX BETWEEN '20260101' AND '20260131'

-- d.t ->
SELECT * FROM d.t FOR SYSTEM_TIME AS OF TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)

-- d.t ->
SELECT * FROM d.t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY at DESC) = 1

-- d.sales ->
SELECT * FROM d.sales PIVOT (SUM(amount) FOR q IN ('Q1', 'Q2'))

-- d.a d.b d.c ->
SELECT x FROM d.a UNION DISTINCT SELECT x FROM d.b EXCEPT DISTINCT SELECT x FROM d.c

-- d.t ->
WITH t AS (SELECT * FROM d.t), u AS (SELECT * FROM t) SELECT * FROM u JOIN t USING (id)

-- d.a -> d.v
CREATE OR REPLACE VIEW d.v (x OPTIONS (description = 'x')) AS SELECT x FROM d.a

-- d.a -> d.mv
CREATE MATERIALIZED VIEW d.mv AS SELECT k, COUNT(*) AS n FROM d.a GROUP BY k

-- d.a -> d.b
CREATE TABLE d.b LIKE d.a

-- d.a -> d.b
CREATE TABLE d.b COPY d.a

-- d.a -> d.b
CREATE SNAPSHOT TABLE d.b CLONE d.a

-- -> d.t
CREATE TABLE IF NOT EXISTS d.t (id INT64 NOT NULL, s STRUCT<a STRING, b ARRAY<FLOAT64>>, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP())

-- -> d.t
ALTER TABLE d.t ADD COLUMN IF NOT EXISTS x STRING

-- d.a -> d.a d.b
ALTER TABLE d.a RENAME TO b

-- -> d.t
DROP TABLE IF EXISTS d.t

-- d.T d.t ->
SELECT * FROM d.T JOIN d.t USING (id)

-- d.t ->
SELECT r'\d+;', """a "quoted"; text""", b'x', SAFE_DIVIDE(a, b), IF(a, 1, 2) FROM d.t # FROM nowhere

-- d.t ->
SELECT AS VALUE STRUCT(1 AS a, x AS b) FROM d.t TABLESAMPLE SYSTEM (10 PERCENT)

-- ->
SELECT * FROM UNNEST(GENERATE_DATE_ARRAY('2026-01-01', '2026-01-31')) AS day

-- d.t -> <gs://b/out-*.csv>
EXPORT DATA OPTIONS (uri = 'gs://b/out-*.csv', format = 'CSV') AS SELECT * FROM d.t

-- <gs://b/in.csv> -> d.t
LOAD DATA INTO d.t FROM FILES (format = 'CSV', uris = ['gs://b/in.csv'])

-- -> s/
CREATE SCHEMA IF NOT EXISTS s OPTIONS (location = 'EU')

-- *
DECLARE n INT64 DEFAULT 3

-- d.n ->
SET n = (SELECT COUNT(*) FROM d.n); SELECT n

-- *
CALL d.refresh()

-- *
EXECUTE IMMEDIATE 'SELECT 1'

-- d.clerks d.shifts d.stores ->
SELECT c.id FROM d.clerks AS c LEFT JOIN d.shifts AS s ON (c.id = s.clerk), d.stores UNION (SELECT id FROM d.clerks)

-- a.x.t1 a.x.t2 -> d.t
INSERT INTO d.t (a, b) WITH q AS (SELECT * FROM `a.x.t1`), r AS (SELECT q.a FROM q JOIN `a.x`.t2 USING (id)) SELECT a, 1 FROM r

-- d.a d.s -> d.t
MERGE INTO `d.t` AS t USING (SELECT * FROM d.s WHERE id NOT IN (SELECT id FROM d.a)) AS s ON FALSE WHEN NOT MATCHED THEN INSERT (id) VALUES (id) WHEN NOT MATCHED BY SOURCE AND t.at < CURRENT_DATE() THEN DELETE

-- d.t -> d.u
CREATE TABLE d.u AS SELECT * FROM d.t UNPIVOT (amount FOR q IN (a AS 'A', b AS 'B'))

-- d.a d.b ->
SELECT a.* FROM d.a AS a CROSS JOIN UNNEST(a.xs) AS x WITH OFFSET AS o LEFT JOIN UNNEST([1, 2]) AS y ON y = o JOIN d.b ON b.x = x

-- d.b -> d.a
UPDATE d.a AS a SET a.x = (SELECT MAX(y) FROM d.b AS b WHERE b.id = a.id) WHERE TRUE

-- d.b -> d.a
DELETE d.a WHERE EXISTS (SELECT 1 FROM d.b WHERE b.id = a.id)

-- d.t ->
SELECT * FROM ML.PREDICT(MODEL d.m, (SELECT * FROM d.t))

-- d.t -> <gs://b/x.csv>
EXPORT DATA WITH CONNECTION `p.us.c` OPTIONS (uri = 'gs://b/x.csv', format = 'CSV') AS (SELECT a FROM d.t)

-- -> d.e
CREATE OR REPLACE EXTERNAL TABLE d.e OPTIONS (format = 'PARQUET', uris = ['gs://b/*.parquet'])

-- d.a -> d.b
CREATE OR REPLACE TABLE d.b CLONE d.a FOR SYSTEM_TIME AS OF TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)

-- d.t ->
WITH RECURSIVE r AS (SELECT id, boss FROM d.t WHERE boss IS NULL UNION ALL SELECT t.id, t.boss FROM d.t AS t JOIN r ON t.boss = r.id) SELECT * FROM r

-- d.t ->
FROM d.t |> WHERE x > 1 |> AGGREGATE SUM(y) AS s GROUP BY z

-- d.t d.u ->
FROM d.t |> JOIN d.u USING (id) |> SELECT *

-- -> d.t
ALTER TABLE IF EXISTS d.t SET OPTIONS (expiration_timestamp = NULL)
