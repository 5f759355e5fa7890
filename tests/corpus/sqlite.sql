-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- orders -> daily
CREATE TABLE daily AS SELECT date(at) AS day, total(price) AS total FROM orders GROUP BY 1

-- a -> b
INSERT OR REPLACE INTO b SELECT * FROM a

-- a -> b
REPLACE INTO b (id, v) SELECT id, v FROM a

-- -> b
INSERT INTO b DEFAULT VALUES

-- c -> b
INSERT INTO b VALUES (1, (SELECT max(id) FROM c)), (2, NULL) RETURNING id

-- a b -> c
INSERT INTO c SELECT * FROM a WHERE true ON CONFLICT (id) DO UPDATE SET n = (SELECT n FROM b) WHERE excluded.n > 0

-- wanted -> t
DELETE FROM t WHERE id NOT IN wanted

-- src -> t
UPDATE t SET v = src.v FROM src WHERE src.id = t.id

-- src -> t
UPDATE OR IGNORE t SET (a, b) = (SELECT a, b FROM src WHERE src.id = t.id)

-- t ->
SELECT * FROM t INDEXED BY by_id WHERE id = 3

-- a b ->
SELECT * FROM [a] NATURAL LEFT OUTER JOIN `b`

-- tree ->
WITH RECURSIVE up(id) AS (SELECT parent FROM tree WHERE id = 9 UNION ALL SELECT parent FROM tree, up WHERE tree.id = up.id) SELECT id FROM up

-- a ->
WITH a AS NOT MATERIALIZED (SELECT * FROM main.a) SELECT * FROM a

-- docs ->
SELECT key, value FROM docs, json_each(docs.body) WHERE json_each.type = 'text'

-- ->
SELECT value FROM generate_series(1, 10, 2)

-- logs ->
SELECT * FROM logs WHERE logs MATCH 'error' AND rowid > 100

-- -> logs
CREATE VIRTUAL TABLE logs USING fts5 (body)

-- -> t
CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT COLLATE NOCASE NOT NULL) STRICT

-- -> t
CREATE TABLE t (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID

-- -> t
CREATE INDEX IF NOT EXISTS by_v ON t (v) WHERE v IS NOT NULL

-- -> t
ALTER TABLE t RENAME COLUMN a TO b

-- old -> new old
ALTER TABLE old RENAME TO new

-- -> t
ALTER TABLE t DROP COLUMN b

-- a b -> v
CREATE VIEW v (x, y) AS SELECT a.x, b.y FROM a, b USING (k)

-- -> v
DROP VIEW IF EXISTS main.v

-- -> aux.t
DROP TABLE aux.t

-- archive.t -> t
INSERT INTO main.t SELECT * FROM archive.t

-- ->
VACUUM

-- ->
PRAGMA table_info(t)

-- ->
ATTACH DATABASE 'old.db' AS old

-- t ->
EXPLAIN QUERY PLAN SELECT * FROM t WHERE v = 1

-- a b c ->
SELECT x FROM a UNION SELECT x FROM b EXCEPT SELECT x FROM c ORDER BY 1 LIMIT 10 OFFSET 5

-- t ->
SELECT sum(v) OVER w, lag(v, 1, 0) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)

-- t ->
SELECT CASE WHEN v GLOB 'a*' THEN 1 ELSE CAST(v AS INTEGER) END, v ->> '$.x' FROM t

-- a b ->
SELECT * FROM (a JOIN b ON a.id = b.id)

-- ->
VALUES (1, 'x'), (2, 'y')

-- t -> t
INSERT INTO t SELECT id + 100, v FROM t

-- t u ->
SELECT EXISTS (SELECT 1 FROM t), (SELECT count(*) FROM u)

-- a b -> t
WITH q AS (SELECT * FROM a), r AS MATERIALIZED (SELECT * FROM b) INSERT INTO t SELECT q.x, r.y FROM q, r

-- a -> t
WITH q (x) AS (SELECT id FROM a) DELETE FROM t WHERE id IN (SELECT x FROM q)

-- a b -> t
UPDATE t SET v = a.v FROM a LEFT JOIN b ON a.id = b.id WHERE a.id = t.id RETURNING *

-- a -> t
INSERT INTO t (id, v) SELECT id, v FROM a WHERE true ON CONFLICT (id) DO NOTHING RETURNING *

-- a -> t
CREATE TABLE IF NOT EXISTS t AS SELECT * FROM a EXCEPT SELECT * FROM a WHERE x

-- ->
SELECT * FROM pragma_table_info('t')

-- docs ->
SELECT j.value ->> 'a' FROM docs, json_tree(docs.body, '$.items') AS j WHERE j.type = 'object'

-- a ->
SELECT (SELECT max(x) FROM a b WHERE b.k = a.k), iif(x, 1, 2) FROM a NOT INDEXED

-- b -> t
DELETE FROM t AS q WHERE EXISTS (SELECT 1 FROM b WHERE b.id = q.id)

-- odd name.t t ->
SELECT * FROM [odd name].[t], "t" AS u WHERE u.x = 1

-- *
REINDEX t

-- t ->
VALUES ((SELECT count(*) FROM t)), (2)

-- a -> t
INSERT OR ROLLBACK INTO t DEFAULT VALUES; SELECT * FROM a
