-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- orders -> daily
CREATE TABLE daily ENGINE = InnoDB AS SELECT DATE(at) AS day, SUM(price) AS total FROM orders GROUP BY day WITH ROLLUP

-- src -> a_b
INSERT IGNORE INTO `a_b` SELECT * FROM src

-- src -> t
INSERT INTO t (id, n) SELECT id, n FROM src ON DUPLICATE KEY UPDATE n = VALUES(n) + 1

-- -> t
INSERT INTO t SET id = 1, name = "x"

-- src -> t
REPLACE INTO t SELECT * FROM src

-- -> t
REPLACE t VALUES (1, 'a;b')

-- b -> a
UPDATE a JOIN b ON a.id = b.id SET a.n = b.n WHERE b.n > 0

-- b -> a b
UPDATE a, b SET a.n = 1, b.n = 2 WHERE a.id = b.id

-- vips -> t
UPDATE LOW_PRIORITY t SET n = n + 1 WHERE id IN (SELECT id FROM vips) ORDER BY id LIMIT 10

-- b -> a
DELETE a FROM a INNER JOIN b ON a.id = b.id

-- -> a b
DELETE a, b FROM a INNER JOIN b ON a.id = b.id WHERE b.x = 1

-- b -> a
DELETE FROM a USING a INNER JOIN b ON a.id = b.id

-- -> t
DELETE QUICK FROM t WHERE at < NOW() - INTERVAL 1 DAY LIMIT 5

-- -> t
TRUNCATE TABLE t

-- a -> a b
RENAME TABLE a TO b

-- a b -> a b c d
RENAME TABLE a TO c, b TO d

-- a -> a b
ALTER TABLE a RENAME TO b

-- -> t
ALTER TABLE t ADD COLUMN x INT AFTER id, DROP INDEX by_id

-- -> t
CREATE INDEX by_name ON t (name(10) DESC)

-- -> t
DROP INDEX by_name ON t

-- s.a -> s.b
CREATE TABLE s.b LIKE s.a

-- -> t
CREATE TABLE IF NOT EXISTS t (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, k ENUM('a','b') DEFAULT 'a', KEY by_k (k)) CHARSET = utf8mb4

-- a b -> v
CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `root`@`%` SQL SECURITY INVOKER VIEW v AS SELECT a.* FROM a JOIN b USING (id)

-- -> a b
DROP TABLE IF EXISTS a, b

-- t -> <out.csv>
SELECT * FROM t INTO OUTFILE 'out.csv' FIELDS TERMINATED BY ','

-- t ->
SELECT COUNT(*) INTO @n FROM t

-- t ->
SELECT SQL_CALC_FOUND_ROWS * FROM t FORCE INDEX (by_id) WHERE MATCH (body) AGAINST ('x' IN BOOLEAN MODE)

-- a b ->
SELECT STRAIGHT_JOIN a.* FROM a STRAIGHT_JOIN b ON a.id = b.id # WHERE c

-- t ->
SELECT GROUP_CONCAT(DISTINCT x ORDER BY y SEPARATOR ', '), j ->> '$.a' FROM t FOR UPDATE

-- docs ->
SELECT d.id, j.v FROM docs d, JSON_TABLE(d.body, '$[*]' COLUMNS (v INT PATH '$.v')) AS j

-- t ->
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT * FROM n JOIN t ON t.i = n.i

-- t ->
DESCRIBE t

-- ->
SHOW TABLES LIKE 'a%'

-- ->
SET @@session.sql_mode = 'ANSI_QUOTES', @x = 1

-- -> shop/
CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4

-- T t ->
SELECT * FROM T, t PARTITION (p0) WHERE T.a <=> t.a

-- <in.csv> -> t
LOAD DATA LOCAL INFILE 'in.csv' INTO TABLE t FIELDS TERMINATED BY ';' IGNORE 1 LINES (a, @b) SET b = UPPER(@b)

-- *
CALL nightly(1, @out)

-- *
GRANT SELECT ON shop.* TO 'joe'@'%'

-- a b -> t
INSERT INTO t (x, y) WITH q AS (SELECT x FROM a), r AS (SELECT y FROM b) SELECT * FROM q, r ON DUPLICATE KEY UPDATE y = VALUES(y)

-- b c -> a
UPDATE a LEFT JOIN (SELECT id, MAX(v) v FROM b GROUP BY id) m ON a.id = m.id SET a.v = COALESCE(m.v, (SELECT MIN(v) FROM c))

-- b -> a
DELETE x FROM a AS x JOIN b AS y ON x.id = y.id WHERE y.gone

-- a c -> a b
WITH q AS (SELECT id FROM c) DELETE a, b FROM a JOIN b JOIN q WHERE a.id = q.id AND b.id IN (SELECT id FROM a)

-- src -> t
INSERT INTO t TABLE src

-- src -> t
REPLACE INTO t TABLE src

-- s.a s.b -> S.t
CREATE TABLE S.t SELECT a.*, b.v FROM s.a LEFT JOIN s.b USING (id)

-- a -> a b
ALTER TABLE a RENAME AS b

-- a b -> a b
ALTER TABLE a EXCHANGE PARTITION p0 WITH TABLE b

-- a -> a db2.a
RENAME TABLE a TO db2.a

-- t ->
SELECT /*+ NO_INDEX_MERGE(t) MAX_EXECUTION_TIME(1000) */ * FROM `t` PARTITION (p0, p1) AS x USE INDEX (i1, i2) LOCK IN SHARE MODE

-- t u ->
SELECT * FROM t, LATERAL (SELECT MAX(v) FROM u WHERE u.id = t.id) AS m

-- t ->
SELECT /*!40001 SQL_NO_CACHE */ a FROM t /*!50000 WHERE a > 1 */

-- a b ->
(SELECT x FROM a LIMIT 1) UNION ALL (SELECT x FROM b LIMIT 1) ORDER BY 1

-- -> t
ALTER TABLE t TRUNCATE PARTITION p0

-- *
HANDLER a OPEN

-- <x.xml> -> t
LOAD XML LOCAL INFILE 'x.xml' INTO TABLE t
