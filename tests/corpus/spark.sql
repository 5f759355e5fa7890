-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- src -> dst
INSERT OVERWRITE dst PARTITION (ds = '1') SELECT * FROM src

-- src -> dst
INSERT INTO TABLE dst (a, b) SELECT a, b FROM src

-- src -> dst
INSERT INTO dst REPLACE WHERE ds = '1' SELECT * FROM src

-- src -> <out>
INSERT OVERWRITE DIRECTORY 'out' USING parquet SELECT * FROM src

-- orders -> daily
CREATE OR REPLACE TABLE daily USING delta PARTITIONED BY (d) TBLPROPERTIES ('x' = '1') AS SELECT date(at) AS d, sum(p) AS p FROM orders GROUP BY 1

-- -> t
CREATE TABLE IF NOT EXISTS t (id BIGINT GENERATED ALWAYS AS IDENTITY, s STRUCT<a: INT, b: ARRAY<STRING>>) USING iceberg PARTITIONED BY (days(at))

-- <in/x.parquet> ->
SELECT * FROM parquet.`in/x.parquet`

-- <a.csv> -> v
CREATE VIEW v USING csv OPTIONS (path 'a.csv', header 'true')

-- a b -> v
CREATE OR REPLACE VIEW v AS SELECT a.* FROM a LEFT ANTI JOIN b USING (id)

-- src -> tgt
MERGE INTO tgt t USING src s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT * WHEN NOT MATCHED BY SOURCE THEN DELETE

-- src -> tgt
MERGE INTO tgt USING (SELECT * FROM src WHERE ok) s ON tgt.id = s.id WHEN NOT MATCHED THEN INSERT *

-- vips -> t
DELETE FROM t WHERE id IN (SELECT id FROM vips)

-- -> t
UPDATE t SET x = x + 1, y = 'a' WHERE id = 1

-- -> t
TRUNCATE TABLE t

-- a -> c
CACHE LAZY TABLE c OPTIONS ('storageLevel' 'DISK_ONLY') SELECT * FROM a

-- -> c
UNCACHE TABLE IF EXISTS c

-- ->
REFRESH TABLE a

-- t ->
SELECT /*+ BROADCAST(t), REPARTITION(4) */ * FROM t DISTRIBUTE BY a SORT BY b

-- t ->
SELECT id, col FROM t LATERAL VIEW explode(xs) e AS col

-- t ->
SELECT transform(xs, x -> x + 1), filter(xs, (x, i) -> i > 0), aggregate(xs, 0, (a, x) -> a + x) FROM t

-- sales ->
SELECT * FROM sales PIVOT (sum(amount) AS s FOR q IN ('Q1' AS q1, 'Q2' AS q2))

-- t ->
SELECT * FROM t TIMESTAMP AS OF '2026-01-01'

-- t ->
SELECT * FROM t VERSION AS OF 12

-- ->
SELECT * FROM VALUES (1, 'a'), (2, 'b') AS v(id, name)

-- ->
SELECT * FROM range(10)

-- a b c ->
SELECT * FROM a MINUS SELECT * FROM b UNION ALL SELECT * FROM c

-- t ->
SELECT * EXCEPT (a) FROM t WHERE b ILIKE '%x%' QUALIFY rank() OVER (ORDER BY c) = 1

-- cat.db.a -> cat.db.b
CREATE TABLE cat.db.b AS SELECT * FROM cat.db.a

-- a -> b
CREATE TABLE b LIKE a USING parquet

-- a -> b
CREATE TABLE b SHALLOW CLONE a

-- -> t
ALTER TABLE t ADD COLUMNS (x INT COMMENT 'c' AFTER y)

-- db.a -> db.a db.b
ALTER TABLE db.a RENAME TO db.b

-- -> t
ALTER TABLE t RECOVER PARTITIONS

-- t ->
ANALYZE TABLE t COMPUTE STATISTICS NOSCAN

-- t ->
DESCRIBE EXTENDED t

-- <in> -> t
LOAD DATA INPATH 'in' INTO TABLE t

-- ->
SET spark.sql.shuffle.partitions = 8

-- -> t
DROP TABLE IF EXISTS t PURGE

-- src -> a b
FROM src INSERT INTO a SELECT k INSERT INTO b SELECT v

-- a b -> x
WITH q AS (SELECT * FROM a) INSERT OVERWRITE TABLE x PARTITION (ds) SELECT q.*, b.ds FROM q JOIN b USING (id)

-- src -> cat.db.t
MERGE WITH SCHEMA EVOLUTION INTO cat.db.t AS t USING src AS s ON t.id = s.id WHEN MATCHED AND s.op = 'D' THEN DELETE WHEN MATCHED THEN UPDATE SET t.v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)

-- </data/t> ->
SELECT * FROM delta.`/data/t` VERSION AS OF 3

-- a -> b
CREATE TABLE b DEEP CLONE a VERSION AS OF 3

-- t ->
SELECT id, k, v FROM t LATERAL VIEW OUTER explode(m) e AS k, v LATERAL VIEW posexplode(xs) p AS i, x

-- sales ->
SELECT * FROM sales UNPIVOT INCLUDE NULLS ((amount, qty) FOR q IN ((a1, q1) AS `Q1`, (a2, q2) AS `Q2`))

-- t -> t
INSERT INTO t TABLE t

-- src -> dst
INSERT INTO dst TABLE src

-- src -> dst
INSERT OVERWRITE TABLE dst FROM src SELECT a, b WHERE a > 1

-- -> db.t
ALTER TABLE db.t DROP IF EXISTS PARTITION (ds = '1') PURGE

-- a -> v
CREATE OR REPLACE TEMPORARY VIEW w AS SELECT * FROM a; CREATE OR REPLACE VIEW v AS SELECT * FROM a

-- ->
SELECT explode(array(1, 2)), stack(2, 1, 2, 3, 4)

-- src -> t
COPY INTO t FROM (SELECT a FROM src)

-- t ->
SELECT * FROM IDENTIFIER('t')

-- r -> out
INSERT INTO out WITH RECURSIVE w (n) AS (SELECT n FROM r UNION ALL SELECT n + 1 FROM w WHERE n < 9) SELECT * FROM w
