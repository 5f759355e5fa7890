-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- orders -> daily
INSERT INTO daily SELECT DATE_FORMAT(at, 'yyyy-MM-dd'), SUM(price) FROM orders GROUP BY DATE_FORMAT(at, 'yyyy-MM-dd')

-- src -> sink
INSERT OVERWRITE sink SELECT * FROM src

-- -> sink
INSERT INTO sink VALUES (1, 'a'), (2, 'b')

-- src -> sink
INSERT INTO sink PARTITION (ds = '1') SELECT a, b FROM src

-- -> orders
CREATE TABLE orders (id BIGINT, price DECIMAL(10, 2), at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '5' SECOND) WITH ('connector' = 'kafka', 'topic' = 'orders')

-- -> users
CREATE TABLE users (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/d')

-- -> t
CREATE TABLE IF NOT EXISTS t (a INT, p AS PROCTIME()) PARTITIONED BY (a) WITH ('connector' = 'filesystem')

-- src -> copied
CREATE TABLE copied WITH ('connector' = 'print') AS SELECT * FROM src

-- base -> derived
CREATE TABLE derived WITH ('scan.startup.mode' = 'latest-offset') LIKE base

-- orders ->
SELECT window_start, SUM(price) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(at), INTERVAL '10' MINUTES)) GROUP BY window_start, window_end

-- orders ->
SELECT TUMBLE_START(at, INTERVAL '1' HOUR), COUNT(*) FROM orders GROUP BY TUMBLE(at, INTERVAL '1' HOUR)

-- orders rates ->
SELECT o.id, r.rate FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.at AS r ON o.currency = r.currency

-- orders payments ->
SELECT * FROM orders o, payments p WHERE o.id = p.id AND p.at BETWEEN o.at AND o.at + INTERVAL '4' HOUR

-- ticker ->
SELECT * FROM ticker MATCH_RECOGNIZE (PARTITION BY s ORDER BY t MEASURES A.t AS t0 ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+) DEFINE B AS B.p < A.p)

-- t ->
SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY at DESC) AS n FROM t) WHERE n <= 3

-- t ->
SELECT id, tag FROM t CROSS JOIN UNNEST(tags) AS x (tag)

-- t ->
SELECT id, w FROM t LEFT JOIN LATERAL TABLE(split(line)) AS x(w) ON TRUE

-- my_cat.db.Orders ->
SELECT * FROM my_cat.db.Orders

-- Orders orders ->
SELECT * FROM Orders JOIN `orders` ON Orders.id = `orders`.id

-- a -> v
CREATE VIEW v AS SELECT * FROM a

-- -> v
DROP VIEW IF EXISTS v

-- -> t
DROP TABLE IF EXISTS t

-- a -> a b
ALTER TABLE a RENAME TO b

-- -> t
ALTER TABLE t SET ('connector' = 'print')

-- -> d/
CREATE DATABASE IF NOT EXISTS d

-- a b ->
SELECT x FROM a UNION ALL SELECT x FROM b

-- a b ->
SELECT x FROM a WHERE x NOT IN (SELECT x FROM b)

-- a ->
WITH q AS (SELECT * FROM a) SELECT * FROM q

-- b -> a
INSERT INTO a WITH q AS (SELECT * FROM b) SELECT * FROM q

-- -> t
DELETE FROM t WHERE id = 1

-- vips -> t
UPDATE t SET x = 1 WHERE id IN (SELECT id FROM vips)

-- -> t
TRUNCATE TABLE t

-- ->
SET 'execution.runtime-mode' = 'batch'

-- ->
RESET 'execution.runtime-mode'

-- a ->
EXPLAIN PLAN FOR SELECT * FROM a

-- t ->
DESCRIBE t

-- ->
SHOW TABLES

-- ->
ADD JAR '/libs/x.jar'

-- clerks shifts stores ->
SELECT CASE WHEN s.hours <= 30 THEN 'short' END AS "30 hours", c.id FROM (SELECT id FROM clerks) AS c, shifts AS s, stores

-- s -> a b
EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT * FROM s WHERE x > 1; INSERT INTO b SELECT k, COUNT(*) FROM s GROUP BY k; END

-- s u -> a b
BEGIN STATEMENT SET; INSERT INTO a SELECT * FROM s; INSERT OVERWRITE b PARTITION (ds = '1') SELECT * FROM u; END

-- s u ->
EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT * FROM s; INSERT INTO b SELECT * FROM u; END

-- s -> t
INSERT INTO t /*+ OPTIONS('sink.parallelism' = '2') */ SELECT * FROM s /*+ OPTIONS('scan.startup.mode' = 'earliest-offset') */

-- s -> t
CREATE OR REPLACE TABLE t WITH ('connector' = 'print') AS SELECT * FROM s

-- s -> v
CREATE TEMPORARY VIEW w AS SELECT * FROM s; CREATE VIEW v (a, b) AS SELECT a, b FROM s

-- s ->
SELECT a, b FROM TABLE(HOP(DATA => TABLE s, TIMECOL => DESCRIPTOR(at), SLIDE => INTERVAL '5' MINUTES, SIZE => INTERVAL '10' MINUTES))

-- s -> t
INSERT INTO t (a, b) WITH q AS (SELECT * FROM s) SELECT a, b FROM q WHERE a LIKE '%;%'

-- s u -> t
INSERT INTO t SELECT s.id, u.x FROM s LEFT JOIN u FOR SYSTEM_TIME AS OF s.proctime AS u ON s.id = u.id

-- c.d.s -> c.d.t
INSERT INTO `c`.`d`.`t` SELECT * FROM `c`.`d`.`s`

-- -> t
ALTER TABLE t ADD (x INT FIRST, WATERMARK FOR at AS at - INTERVAL '1' HOUR)

-- -> t
ALTER TABLE t RENAME a TO b

-- s ->
SELECT id, STRING_AGG(x, ',') OVER (PARTITION BY id ORDER BY at RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) FROM s
