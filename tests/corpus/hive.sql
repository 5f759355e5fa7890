-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- src -> dst
INSERT OVERWRITE TABLE dst PARTITION (ds = '2026-01-01', hr) SELECT k, v, hr FROM src

-- src -> dst
INSERT INTO dst SELECT * FROM src DISTRIBUTE BY k SORT BY v

-- src -> a b
FROM src s INSERT OVERWRITE TABLE a SELECT s.k WHERE s.k < 10 INSERT INTO TABLE b PARTITION (p = 1) SELECT s.v

-- a b -> c
FROM (SELECT * FROM a UNION ALL SELECT * FROM b) u INSERT OVERWRITE TABLE c SELECT u.k, count(1) GROUP BY u.k

-- src -> <out>
INSERT OVERWRITE DIRECTORY 'out' ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' SELECT * FROM src

-- src -> </tmp/out>
INSERT OVERWRITE LOCAL DIRECTORY '/tmp/out' SELECT * FROM src

-- <in.txt> -> t
LOAD DATA LOCAL INPATH 'in.txt' OVERWRITE INTO TABLE t PARTITION (ds = '1')

-- orders -> daily
CREATE TABLE daily STORED AS ORC TBLPROPERTIES ('orc.compress' = 'ZLIB') AS SELECT to_date(at) AS d, sum(p) FROM orders GROUP BY to_date(at)

-- -> t
CREATE EXTERNAL TABLE IF NOT EXISTS t (k INT COMMENT 'key', v MAP<STRING, ARRAY<INT>>) PARTITIONED BY (ds STRING) CLUSTERED BY (k) INTO 8 BUCKETS ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' STORED AS TEXTFILE LOCATION '/data/t'

-- db.a -> db.b
CREATE TABLE db.b LIKE db.a

-- t ->
SELECT k, item FROM t LATERAL VIEW OUTER explode(items) x AS item LATERAL VIEW posexplode(m) y AS p, q

-- a b ->
SELECT a.* FROM a LEFT SEMI JOIN b ON a.k = b.k

-- a b ->
SELECT /*+ MAPJOIN(b) */ * FROM a FULL OUTER JOIN b ON a.k = b.k WHERE a.k RLIKE '^x'

-- t ->
SELECT k, sum(v) OVER (PARTITION BY k ORDER BY ds ROWS UNBOUNDED PRECEDING) FROM t TABLESAMPLE (BUCKET 1 OUT OF 4 ON k) s

-- t ->
SELECT k, GROUPING__ID, count(*) FROM t GROUP BY k, v GROUPING SETS ((k, v), k)

-- t ->
SELECT TRANSFORM (k, v) USING 'python x.py' AS (a STRING, b INT) FROM t

-- a -> v
CREATE VIEW IF NOT EXISTS v (x COMMENT 'c') AS SELECT k FROM a WHERE ds = '${hiveconf:ds}'

-- -> v
DROP VIEW IF EXISTS v

-- -> t
DROP TABLE IF EXISTS t PURGE

-- -> t
TRUNCATE TABLE t PARTITION (ds = '1')

-- -> t
ALTER TABLE t ADD IF NOT EXISTS PARTITION (ds = '2026-01-01') LOCATION '/data/1'

-- -> t
ALTER TABLE t DROP IF EXISTS PARTITION (ds < '2026-01-01')

-- -> t
ALTER TABLE t SET TBLPROPERTIES ('EXTERNAL' = 'TRUE')

-- -> t
ALTER TABLE t CHANGE COLUMN a b STRING AFTER c

-- db.a -> db.a db.b
ALTER TABLE db.a RENAME TO db.b

-- a b -> a b
ALTER TABLE a EXCHANGE PARTITION (ds = '1') WITH TABLE b

-- -> t
MSCK REPAIR TABLE t

-- t ->
ANALYZE TABLE t PARTITION (ds) COMPUTE STATISTICS FOR COLUMNS

-- t ->
DESCRIBE FORMATTED t

-- src -> t
MERGE INTO t USING src s ON t.k = s.k WHEN MATCHED AND s.op = 'd' THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v)

-- vips -> t
DELETE FROM t WHERE k IN (SELECT k FROM vips)

-- -> t
UPDATE t SET v = "a;b" WHERE k = 1

-- a -> b
WITH q AS (SELECT * FROM a) INSERT OVERWRITE TABLE b SELECT * FROM q

-- ->
SET hive.exec.dynamic.partition.mode = nonstrict

-- -> d/
CREATE DATABASE IF NOT EXISTS d COMMENT 'x' LOCATION '/w/d'

-- a b ->
EXPLAIN EXTENDED SELECT * FROM a JOIN b ON a.k = b.k

-- ->
ADD JAR /libs/udf.jar

-- ->
SHOW PARTITIONS t

-- b c db.a -> x y
FROM (SELECT a.k, b.v FROM db.a JOIN b ON a.k = b.k) j INSERT OVERWRITE TABLE x PARTITION (ds = '1') SELECT k, v WHERE v IN (SELECT v FROM c) INSERT INTO TABLE y SELECT k, count(*) GROUP BY k

-- db.a -> x
WITH q AS (SELECT * FROM db.a), r AS (SELECT * FROM q) INSERT INTO TABLE x PARTITION (ds) SELECT r.*, '1' FROM r

-- db.a -> <out> x
FROM db.a INSERT OVERWRITE TABLE x SELECT k INSERT OVERWRITE DIRECTORY 'out' SELECT v

-- t u ->
SELECT t.id, e.k, e.v FROM t LATERAL VIEW explode(map_col) e AS k, v JOIN u ON u.k = e.k

-- odd name.t -> x
CREATE TABLE x AS SELECT * FROM `odd name`.`t`

-- t -> <hdfs://b/t>
EXPORT TABLE t PARTITION (ds = '1') TO 'hdfs://b/t'

-- <hdfs://b/t> -> u
IMPORT TABLE u FROM 'hdfs://b/t'

-- t -> mv
CREATE MATERIALIZED VIEW mv STORED AS ORC AS SELECT k, sum(v) FROM t GROUP BY k

-- -> t
ALTER TABLE t PARTITION (ds = '1') RENAME TO PARTITION (ds = '2')

-- -> t
ALTER TABLE t PARTITION (ds = '1') CONCATENATE

-- a -> b
CREATE TABLE b STORED AS PARQUET AS WITH q AS (SELECT k FROM a) SELECT q.k FROM q

-- a b -> t
INSERT OVERWRITE TABLE t SELECT * FROM (SELECT k FROM a UNION DISTINCT SELECT k FROM b) z
