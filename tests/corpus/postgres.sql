-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- orders -> daily
CREATE TABLE daily AS SELECT date_trunc('day', at)::date AS day, sum(price) FROM orders GROUP BY 1 WITH DATA

-- Orders items -> s.Big
CREATE TABLE IF NOT EXISTS S."Big" AS SELECT * FROM "Orders" JOIN ITEMS USING (id)

-- a -> b
SELECT * INTO UNLOGGED b FROM a

-- src -> tgt
INSERT INTO tgt (id, v) OVERRIDING SYSTEM VALUE SELECT id, v FROM src ON CONFLICT ON CONSTRAINT tgt_pkey DO NOTHING RETURNING id

-- -> done inbox
WITH moved AS (DELETE FROM inbox WHERE at < now() - interval '1 day' RETURNING *) INSERT INTO done SELECT * FROM moved

-- src -> a b
WITH x AS (INSERT INTO a SELECT * FROM src RETURNING id) UPDATE b SET n = n + 1 FROM x WHERE b.id = x.id

-- a b c -> a
UPDATE a SET (x, y) = (SELECT x, y FROM b WHERE b.id = a.id) FROM c WHERE a.k = c.k AND a.z IN (SELECT z FROM a)

-- b c -> a
DELETE FROM ONLY a USING b JOIN c ON b.i = c.i WHERE a.i = b.i RETURNING a.*

-- s u -> t
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.gone THEN DELETE WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, (SELECT n FROM u))

-- -> a b
TRUNCATE TABLE ONLY a, b RESTART IDENTITY CASCADE

-- a ->
SELECT DISTINCT ON (k) * FROM a ORDER BY k, at DESC FETCH FIRST 5 ROWS ONLY

-- a b ->
SELECT * FROM a CROSS JOIN LATERAL (SELECT * FROM b WHERE b.id = a.id LIMIT 3) AS top

-- ->
SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS g(n, i), unnest(ARRAY[1, 2]) AS u

-- t ->
SELECT data -> 'a' ->> 'b', data #>> '{x,y}', data @> '{"k": 1}'::jsonb FROM t WHERE tags && ARRAY['x']

-- docs ->
SELECT * FROM docs, jsonb_array_elements(docs.body -> 'items') AS item

-- t ->
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x), count(*) FILTER (WHERE y) FROM t GROUP BY ROLLUP (a, b)

-- a -> mv
CREATE MATERIALIZED VIEW IF NOT EXISTS mv AS SELECT * FROM a WITH NO DATA

-- a -> v
CREATE OR REPLACE VIEW v WITH (security_barrier) AS SELECT * FROM a WITH LOCAL CHECK OPTION

-- parent -> child
CREATE TABLE child PARTITION OF parent FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')

-- base -> derived
CREATE TABLE derived (note text) INHERITS (base)

-- -> t
CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, k uuid DEFAULT gen_random_uuid(), p int REFERENCES q (id) ON DELETE CASCADE)

-- a -> b
CREATE TABLE b (LIKE a INCLUDING ALL)

-- -> t
CREATE INDEX CONCURRENTLY IF NOT EXISTS by_k ON t USING gin (data jsonb_path_ops) WHERE k IS NOT NULL

-- s.old -> s.new s.old
ALTER TABLE s.old RENAME TO new

-- -> t
ALTER TABLE IF EXISTS t ALTER COLUMN x TYPE numeric USING x::numeric, DROP COLUMN y CASCADE

-- -> a b
DROP TABLE IF EXISTS a, b CASCADE

-- -> mv
DROP MATERIALIZED VIEW mv

-- <in.csv> -> t
COPY t (a, b) FROM 'in.csv' WITH (FORMAT csv, HEADER true)

-- t -> <out.csv>
COPY (SELECT * FROM t WHERE x > 1) TO 'out.csv' CSV

-- t ->
EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT * FROM t

-- t ->
ANALYZE t

-- -> s/
CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION joe

-- a b c ->
(SELECT x FROM a) INTERSECT ALL (SELECT x FROM b UNION SELECT x FROM c) ORDER BY 1

-- t ->
SELECT $$a;b$$, E'it\'s', $q$ FROM nowhere $q$ FROM t /* from /* nested */ nowhere */ WHERE x = ANY (ARRAY[1])

-- a ->
TABLE a

-- accounts ->
SELECT * FROM accounts WHERE id = 3 FOR UPDATE SKIP LOCKED

-- other.t public_t ->
SELECT * FROM public.public_t NATURAL JOIN other.t

-- *
REFRESH MATERIALIZED VIEW CONCURRENTLY mv

-- *
DO $$ BEGIN PERFORM 1; END $$

-- a b -> t u
WITH x AS (INSERT INTO t SELECT * FROM a RETURNING id), y AS (UPDATE u SET n = 1 FROM x WHERE u.id = x.id RETURNING u.*) SELECT * FROM y JOIN b USING (id)

-- b c -> s.a
UPDATE ONLY s.a AS q SET (x, y) = ROW (b.x, c.y) FROM b, c WHERE q.id = b.id AND b.id = c.id

-- b c -> a
DELETE FROM a USING b, LATERAL (SELECT * FROM c WHERE c.id = b.id) l WHERE a.id = l.id

-- src -> t
MERGE INTO t USING src ON t.id = src.id WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN MATCHED THEN UPDATE SET v = src.v RETURNING merge_action(), t.*

-- "Odd.name".t ->
SELECT * FROM "Odd.name".t, ROWS FROM (generate_series(1, 2), generate_series(3, 4)) AS r (a, b)

-- t ->
SELECT * FROM t TABLESAMPLE SYSTEM (10) REPEATABLE (1) WHERE ctid IN (SELECT ctid FROM t)

-- x ->
SELECT * FROM XMLTABLE('/r' PASSING (SELECT doc FROM x) COLUMNS a int PATH 'a')

-- t ->
SELECT * FROM t, JSON_TABLE(t.j, '$[*]' COLUMNS (a int PATH '$.a')) AS jt

-- a -> b
CREATE UNLOGGED TABLE b AS TABLE a

-- t ->
COPY t TO STDOUT

-- g ->
WITH RECURSIVE r (id, path) AS (SELECT id, ARRAY[id] FROM g UNION ALL SELECT g.id, path || g.id FROM g JOIN r ON g.parent = r.id) SEARCH DEPTH FIRST BY id SET o CYCLE id SET is_cycle USING p SELECT * FROM r

-- *
ALTER TABLE a ATTACH PARTITION b FOR VALUES FROM (1) TO (2)

-- *
ALTER TABLE t SET SCHEMA archive

-- *
DECLARE c CURSOR FOR SELECT * FROM a

-- t -> v
CREATE RECURSIVE VIEW v (n) AS SELECT n FROM t UNION ALL SELECT n + 1 FROM v WHERE n < 9
