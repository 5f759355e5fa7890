-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- orders -> daily
INSERT OVERWRITE TABLE daily PARTITION (ds = '20260101') SELECT day, SUM(price) FROM orders WHERE ds = '20260101' GROUP BY day

-- src -> dst
INSERT INTO TABLE dst SELECT * FROM src

-- src -> dst
INSERT INTO dst PARTITION (ds) SELECT a, b, ds FROM src

-- -> dst
INSERT INTO TABLE dst VALUES (1, 'a'), (2, 'b')

-- src -> a b
FROM src INSERT OVERWRITE TABLE a SELECT k INSERT INTO TABLE b PARTITION (ds = '1') SELECT v

-- orders -> daily
CREATE TABLE daily LIFECYCLE 7 AS SELECT day, SUM(price) AS total FROM orders GROUP BY day

-- -> t
CREATE TABLE IF NOT EXISTS t (id BIGINT COMMENT 'key', tags ARRAY<STRING>, m MAP<STRING, DOUBLE>) PARTITIONED BY (ds STRING) LIFECYCLE 30

-- -> t
CREATE TABLE t (a BIGINT) LIFECYCLE 7

-- a -> b
CREATE TABLE b LIKE a

-- project.t ->
SELECT * FROM project.t WHERE ds = MAX_PT('project.t')

-- project.s.t ->
SELECT * FROM project.s.t

-- t ->
SELECT id, tag FROM t LATERAL VIEW EXPLODE(tags) x AS tag

-- t ->
SELECT /*+ SKEWJOIN(t) */ WM_CONCAT(',', a), COUNT(DISTINCT b) FROM t GROUP BY c

-- big small ->
SELECT /*+ MAPJOIN(s) */ b.* FROM big b LEFT OUTER JOIN small s ON b.k = s.k

-- a b ->
SELECT a.* FROM a LEFT SEMI JOIN b ON a.k = b.k

-- a b ->
SELECT a.* FROM a LEFT ANTI JOIN b ON a.k = b.k

-- a b ->
SELECT x FROM (SELECT x FROM a UNION ALL SELECT x FROM b) u

-- a ->
SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS n FROM a DISTRIBUTE BY k SORT BY n

-- a ->
WITH q AS (SELECT * FROM a), r AS (SELECT * FROM q) SELECT * FROM r

-- a -> b
WITH q AS (SELECT * FROM a) INSERT OVERWRITE TABLE b SELECT * FROM q

-- t ->
SELECT IF(a > 0, 1, 0), DATEADD(TO_DATE(d, 'yyyymmdd'), -1, 'dd'), GET_JSON_OBJECT(j, '$.a') FROM t WHERE s RLIKE 'x'

-- t ->
SELECT CASE WHEN a IN (1, 2) THEN "it's" ELSE 'a;b' END FROM t -- FROM nowhere

-- src -> t
MERGE INTO t USING src ON t.id = src.id WHEN MATCHED THEN UPDATE SET t.v = src.v WHEN NOT MATCHED THEN INSERT VALUES (src.id, src.v)

-- vips -> t
DELETE FROM t WHERE id IN (SELECT id FROM vips)

-- -> t
UPDATE t SET v = 1 WHERE id = 1

-- -> t
TRUNCATE TABLE t

-- -> t
DROP TABLE IF EXISTS t

-- a -> v
CREATE OR REPLACE VIEW v AS SELECT * FROM a

-- -> v
DROP VIEW IF EXISTS v

-- a -> a b
ALTER TABLE a RENAME TO b

-- -> t
ALTER TABLE t ADD COLUMNS (x STRING)

-- -> t
ALTER TABLE t ADD IF NOT EXISTS PARTITION (ds = '20260101')

-- -> t
ALTER TABLE t DROP IF EXISTS PARTITION (ds = '20260101')

-- -> t
ALTER TABLE t SET LIFECYCLE 30

-- t ->
ANALYZE TABLE t COMPUTE STATISTICS

-- ->
SET odps.sql.type.system.odps2 = true

-- t ->
DESC t

-- ->
SHOW PARTITIONS t

-- a b -> t
WITH q AS (SELECT * FROM a), r AS (SELECT * FROM b) INSERT INTO TABLE t PARTITION (ds = '1') SELECT q.x, r.y FROM q JOIN r ON q.id = r.id

-- s -> x y
FROM s INSERT OVERWRITE TABLE x PARTITION (ds) SELECT a, ds INSERT INTO TABLE y SELECT b WHERE b > 1

-- s -> t
MERGE INTO t USING (SELECT * FROM s WHERE ds = '1') n ON t.id = n.id AND t.ds = '1' WHEN MATCHED AND n.op = 'U' THEN UPDATE SET t.v = n.v WHEN MATCHED AND n.op = 'D' THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.v, '1')

-- a -> b
CLONE TABLE a PARTITION (ds = '1') TO b IF EXISTS OVERWRITE

-- t ->
SELECT TRANS_ARRAY(1, ',', id, tags) AS (id, tag) FROM t

-- t -> <oss://b/x/>
UNLOAD FROM (SELECT * FROM t) INTO LOCATION 'oss://b/x/' STORED AS PARQUET

-- <oss://b/x/> -> t
LOAD OVERWRITE TABLE t PARTITION (ds = '1') FROM LOCATION 'oss://b/x/' STORED AS PARQUET

-- a b -> t
INSERT OVERWRITE TABLE t SELECT /*+ MAPJOIN(b) */ a.k FROM a JOIN b ON a.k <= b.k CLUSTER BY k

-- p.a -> t
CREATE TABLE IF NOT EXISTS t LIFECYCLE 3 AS SELECT * FROM p.a WHERE ds = MAX_PT('p.a')

-- t u ->
SELECT t.id, e.col FROM t LATERAL VIEW POSEXPLODE(SPLIT(x, ',')) e AS pos, col LEFT ANTI JOIN u ON u.id = t.id

-- -> t
ALTER TABLE t PARTITION (ds = '1') MERGE SMALLFILES

-- -> t
ALTER TABLE t TOUCH PARTITION (ds = '1')
