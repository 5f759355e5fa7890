-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- hive.web.clicks -> iceberg.marts.daily
CREATE TABLE iceberg.marts.daily WITH (format = 'ORC', partitioning = ARRAY['day']) AS SELECT date(at) AS day, count(*) AS n FROM hive.web.clicks GROUP BY 1

-- a -> b
CREATE TABLE IF NOT EXISTS b AS SELECT * FROM a WITH NO DATA

-- -> t
CREATE TABLE t (id bigint, tags array(varchar), r row(x integer, y map(varchar, double))) COMMENT 'x' WITH (format = 'PARQUET')

-- a -> b
CREATE TABLE b (LIKE a INCLUDING PROPERTIES, extra varchar)

-- src -> tgt
INSERT INTO tgt (a, b) SELECT a, b FROM src

-- -> tgt
INSERT INTO tgt VALUES (1, DATE '2026-01-01'), (2, NULL)

-- vips -> t
DELETE FROM t WHERE id IN (SELECT id FROM vips)

-- rates -> t
UPDATE t SET price = price * (SELECT max(r) FROM rates) WHERE id = 1

-- src -> t
MERGE INTO t USING src AS s ON t.id = s.id WHEN MATCHED AND s.gone THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)

-- -> t
TRUNCATE TABLE t

-- -> t
DROP TABLE IF EXISTS t

-- a b -> v
CREATE OR REPLACE VIEW v SECURITY INVOKER AS SELECT a.* FROM a JOIN b ON a.id = b.id

-- a -> mv
CREATE MATERIALIZED VIEW mv AS SELECT * FROM a

-- s.a -> s.a s.b
ALTER TABLE s.a RENAME TO s.b

-- -> t
ALTER TABLE t ADD COLUMN x varchar

-- t ->
SELECT id, tag FROM t CROSS JOIN UNNEST(tags) WITH ORDINALITY AS x (tag, n)

-- t ->
SELECT transform(xs, x -> x + 1), reduce(xs, 0, (s, x) -> s + x, s -> s), TRY(1 / n) FROM t TABLESAMPLE BERNOULLI (10)

-- t ->
SELECT * FROM t FOR TIMESTAMP AS OF TIMESTAMP '2026-01-01 00:00:00'

-- t ->
SELECT approx_percentile(x, 0.5), listagg(y, ',') WITHIN GROUP (ORDER BY y) FROM t GROUP BY CUBE (a, b)

-- a b c ->
SELECT * FROM a WHERE x > ALL (SELECT x FROM b) AND y = ANY (SELECT y FROM c)

-- a b ->
SELECT x FROM a EXCEPT (SELECT x FROM b) ORDER BY x OFFSET 5 ROWS FETCH FIRST 10 ROWS WITH TIES

-- e ->
WITH RECURSIVE r (n, m) AS (SELECT n, m FROM e UNION ALL SELECT r.n, e.m FROM r JOIN e ON r.m = e.n) SELECT * FROM r

-- ->
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, name)

-- ->
SELECT * FROM TABLE(sequence(start => 1, stop => 10))

-- t ->
SELECT a, lag(b) OVER (w ROWS 1 PRECEDING) FROM t WINDOW w AS (PARTITION BY a ORDER BY b)

-- t ->
SELECT json_extract_scalar(j, '$.a'), element_at(m, 'k'), r.x, CAST(ROW(1, 'a') AS ROW(n integer, s varchar)) FROM t

-- orders ->
SELECT * FROM orders MATCH_RECOGNIZE (PARTITION BY c ORDER BY d MEASURES A.p AS p ONE ROW PER MATCH PATTERN (A B+) DEFINE B AS B.p > A.p)

-- t ->
EXPLAIN SELECT * FROM t

-- src -> t
EXPLAIN ANALYZE INSERT INTO t SELECT * FROM src

-- ->
SHOW COLUMNS FROM t

-- t ->
DESCRIBE t

-- -> s/
CREATE SCHEMA IF NOT EXISTS s WITH (location = 's3://b/s')

-- ->
SET SESSION query_max_run_time = '2h'

-- orders ->
SELECT o.* FROM "Orders" o, LATERAL (SELECT max(x) AS m FROM UNNEST(o.xs) AS u (x)) l

-- t ->
TABLE t

-- t ->
ANALYZE t WITH (partitions = ARRAY[ARRAY['p1']])

-- -> t
COMMENT ON TABLE t IS 'the table'

-- *
CALL iceberg.system.rollback_to_snapshot('s', 't', 1)

-- cat.a.x cat.b.odd name -> t
INSERT INTO t WITH q AS (SELECT * FROM cat.a.x), r AS (SELECT * FROM cat.b."Odd Name") SELECT * FROM q FULL JOIN r USING (id)

-- t$snapshots ->
SELECT * FROM "t$snapshots"

-- t ->
SELECT * FROM t FOR VERSION AS OF 8954597067493422955

-- t ->
SELECT id, k, v FROM t, UNNEST(m, xs) AS u (k, v, x) WHERE cardinality(m) > 0

-- t u ->
SELECT * FROM TABLE(exclude_columns(input => TABLE(t), columns => DESCRIPTOR(a))) CROSS JOIN u

-- -> t
ALTER TABLE t EXECUTE optimize(file_size_threshold => '128MB')

-- -> t
ALTER TABLE t SET PROPERTIES partitioning = ARRAY['day']

-- a -> v
CREATE VIEW v AS WITH q AS (TABLE a) SELECT * FROM q

-- a b -> t
MERGE INTO t USING (SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id) s ON (t.id = s.id) WHEN MATCHED AND t.v <> s.v THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)

-- a b -> t
CREATE TABLE t AS SELECT * FROM (VALUES 1, 2) AS v (x) WHERE x IN (SELECT y FROM a) AND EXISTS (SELECT 1 FROM b WHERE b.y = v.x)

-- a -> a b
ALTER VIEW a RENAME TO b

-- a ->
SELECT (SELECT max(x) FROM a) AS top, json_query(j, 'lax $.x' WITH ARRAY WRAPPER) FROM (SELECT '{}' AS j)

-- *
REFRESH MATERIALIZED VIEW mv
