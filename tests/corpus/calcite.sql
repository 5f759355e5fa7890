-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- ORDERS ->
SELECT STREAM rowtime, product FROM orders

-- ORDERS ->
SELECT CEIL(rowtime TO HOUR) AS h, COUNT(*) FROM orders GROUP BY CEIL(rowtime TO HOUR)

-- ORDERS ->
SELECT window_start, SUM(units) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rowtime), INTERVAL '1' HOUR)) GROUP BY window_start

-- DEPTS EMPS ->
SELECT e.name, d.name FROM emps AS e JOIN depts AS d ON e.deptno = d.deptno

-- Emps depts ->
SELECT * FROM "Emps" CROSS JOIN "depts"

-- HR.EMPS ->
SELECT * FROM hr.emps WHERE deptno IN (10, 20) ORDER BY empid DESC NULLS LAST OFFSET 2 ROWS FETCH NEXT 5 ROWS ONLY

-- DEPTS EMPS ->
SELECT * FROM depts WHERE EXISTS (SELECT 1 FROM emps WHERE emps.deptno = depts.deptno)

-- A B C ->
SELECT x FROM a UNION ALL SELECT x FROM b INTERSECT SELECT x FROM c

-- A B ->
SELECT x FROM a EXCEPT SELECT x FROM b

-- A ->
WITH q (x) AS (SELECT x FROM a) SELECT * FROM q AS q1 JOIN q AS q2 ON q1.x = q2.x

-- ->
VALUES (1, 'a'), (2, 'b')

-- ->
SELECT * FROM (VALUES (1, 'a')) AS t (id, name)

-- DEPTS ->
SELECT d.deptno, e.name FROM depts AS d, UNNEST(d.employees) AS e (name)

-- T ->
SELECT deptno, COUNT(*) FILTER (WHERE sal > 10), GROUPING(deptno) FROM t GROUP BY GROUPING SETS ((deptno), ())

-- T ->
SELECT RANK() OVER (PARTITION BY deptno ORDER BY sal DESC), LAST_VALUE(sal) OVER w FROM t WINDOW w AS (ORDER BY id ROWS 2 PRECEDING)

-- T ->
SELECT CAST(a AS DECIMAL(10, 2)), EXTRACT(YEAR FROM d), POSITION('x' IN s), TRIM(BOTH ' ' FROM s), SUBSTRING(s FROM 2 FOR 3) FROM t

-- T ->
SELECT CASE WHEN a BETWEEN 1 AND 5 THEN 'x' ELSE NULLIF(b, 'y') END, COALESCE(a, 0) FROM t

-- SRC -> TGT
INSERT INTO tgt SELECT * FROM src

-- -> TGT
INSERT INTO tgt (a, b) VALUES (1, 'x')

-- B -> A
UPDATE a SET x = (SELECT MAX(x) FROM b) WHERE id = 1

-- VIPS -> T
DELETE FROM t WHERE id IN (SELECT id FROM vips)

-- SRC -> T
MERGE INTO t USING src AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)

-- ORDERS -> DAILY
CREATE TABLE daily AS SELECT CAST(rowtime AS DATE) AS d, SUM(units) AS n FROM orders GROUP BY CAST(rowtime AS DATE)

-- -> T
CREATE TABLE IF NOT EXISTS t (id INTEGER NOT NULL, name VARCHAR(20), PRIMARY KEY (id))

-- A -> V
CREATE OR REPLACE VIEW v AS SELECT * FROM a

-- A -> MV
CREATE MATERIALIZED VIEW mv AS SELECT x, COUNT(*) AS n FROM a GROUP BY x

-- -> T
DROP TABLE IF EXISTS t

-- -> V
DROP VIEW v

-- -> T
TRUNCATE TABLE t

-- -> S/
CREATE SCHEMA IF NOT EXISTS s

-- ORDERS SHIPMENTS ->
SELECT * FROM orders NATURAL LEFT JOIN shipments WHERE orders.id IS NOT DISTINCT FROM shipments.id

-- T ->
TABLE t

-- TICKER ->
SELECT * FROM ticker MATCH_RECOGNIZE (PARTITION BY s ORDER BY t MEASURES A.t AS t0 ONE ROW PER MATCH PATTERN (A B+) DEFINE B AS B.p < A.p)

-- A B ->
SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.id = a.id) AS l

-- T ->
EXPLAIN SELECT * FROM t

-- A B -> T
INSERT INTO t WITH q AS (SELECT * FROM a), r AS (SELECT * FROM b) SELECT q.x, r.y FROM q CROSS JOIN r

-- A -> T
UPSERT INTO t (x) SELECT x FROM a

-- A ->
SELECT * FROM a FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01 00:00:00'

-- A ->
SELECT * FROM a PIVOT (SUM(x) AS s FOR k IN ('a' AS a, 'b' AS b))

-- A ->
SELECT * FROM a UNPIVOT INCLUDE NULLS (v FOR k IN (x AS 'x', y AS 'y'))

-- A ->
WITH RECURSIVE r (n) AS (SELECT n FROM a UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r

-- A ->
SELECT * FROM a TABLESAMPLE BERNOULLI (10)

-- A B ->
SELECT * FROM a LEFT ASOF JOIN b MATCH_CONDITION a.t >= b.t ON a.k = b.k

-- A ->
SELECT x, u.i FROM a CROSS JOIN UNNEST(a.xs) WITH ORDINALITY AS u (v, i)

-- A s.Odd ->
SELECT /*+ NO_HASH_JOIN, INDEX(i) */ * FROM a, "s"."Odd"

-- A B ->
SELECT * FROM a OUTER APPLY (SELECT * FROM b WHERE b.id = a.id) AS l
