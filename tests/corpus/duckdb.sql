-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- orders -> daily
CREATE OR REPLACE TABLE daily AS SELECT day, sum(price) AS total FROM orders GROUP BY ALL

-- orders ->
FROM orders SELECT region, max(price) WHERE day > DATE '2026-01-01'

-- <in/2026/*.parquet> -> raw
CREATE TABLE raw AS SELECT *, filename FROM read_parquet('in/2026/*.parquet', filename = true)

-- <a.csv> <b.csv> -> both
CREATE TABLE both AS FROM read_csv(['a.csv', 'b.csv'], header = true, columns = {'id': 'INT', 'name': 'VARCHAR'})

-- <events.json> users ->
SELECT u.name, e.* FROM 'events.json' AS e JOIN users AS u ON u.id = e.user_id

-- staged -> target
INSERT INTO target BY NAME SELECT * EXCLUDE (loaded_at) FROM staged

-- limits orders ->
SELECT * REPLACE ((SELECT max(top) FROM limits) AS price) FROM orders

-- staged -> target
INSERT OR IGNORE INTO target SELECT * FROM staged

-- limits staged -> target
INSERT INTO target SELECT * FROM staged ON CONFLICT (id) DO UPDATE SET v = least(EXCLUDED.v, (SELECT top FROM limits))

-- sales ->
PIVOT sales ON year USING sum(amount) GROUP BY region

-- months ->
UNPIVOT months ON jan, feb, mar INTO NAME month VALUE sales

-- prices trades ->
SELECT t.*, p.price FROM trades t ASOF JOIN prices p ON t.symbol = p.symbol AND t.at >= p.at

-- lists ->
SELECT unnest(items) AS item, generate_subscripts(items, 1) AS position FROM lists

-- t ->
SELECT COLUMNS('price_.*'), list_transform(xs, x -> x + 1) FROM t

-- edges ->
WITH RECURSIVE paths(a, b) AS (SELECT a, b FROM edges UNION SELECT p.a, e.b FROM paths p JOIN edges e ON p.b = e.a) FROM paths

-- b -> a
UPDATE a SET x = b.x FROM b WHERE a.id = b.id

-- b c -> a
DELETE FROM a USING b WHERE a.id = b.id AND NOT EXISTS (FROM c WHERE c.id = a.id)

-- -> a
TRUNCATE a

-- s.a -> s.v
CREATE VIEW s.v AS SELECT * FROM s.a QUALIFY row_number() OVER (PARTITION BY id ORDER BY at DESC) = 1

-- orders -> <out>
COPY (SELECT * FROM orders WHERE year = 2026) TO 'out' (FORMAT parquet, PARTITION_BY (year, month))

-- <in.csv> -> orders
COPY orders FROM 'in.csv' (DELIMITER ';', HEADER)

-- orders -> <orders.json>
COPY orders TO 'orders.json'

-- old -> new old
ALTER TABLE old RENAME TO new

-- -> t
ALTER TABLE t ADD COLUMN IF NOT EXISTS note VARCHAR DEFAULT 'none'

-- -> t
CREATE UNIQUE INDEX by_id ON t (id)

-- -> t v
DROP TABLE t; DROP VIEW IF EXISTS v

-- -> staging/
CREATE SCHEMA IF NOT EXISTS staging

-- -> kinds
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name VARCHAR CHECK (length(name) > 0), tags VARCHAR[])

-- t ->
SUMMARIZE SELECT * FROM t

-- orders ->
DESCRIBE orders

-- big small ->
SELECT * FROM big SEMI JOIN small USING (id) ANTI JOIN small AS other ON other.n = big.n

-- big ->
SELECT * FROM big USING SAMPLE reservoir(50 ROWS) REPEATABLE (42)

-- days sales ->
SELECT d.day, s.total FROM days d LEFT JOIN LATERAL (SELECT sum(x) AS total FROM sales WHERE sales.day = d.day) s ON true

-- t ->
SELECT {'a': a, 'b': {'c': [1, 2]}} AS s, MAP {'k': v} FROM t WHERE a IN (SELECT unnest([1, 2]))

-- other.main.x y -> z
CREATE TABLE z AS SELECT * FROM other.main.x UNION ALL BY NAME SELECT * FROM y

-- *
CALL pragma_version()

-- t ->
SELECT count(*) FILTER (WHERE x > 0), quantile_cont(x, [0.1, 0.9]), arg_max(a, b) FROM t GROUP BY GROUPING SETS ((a), ())

-- mixed ->
SELECT * FROM "Mixed", generate_series(1, 3) AS g(i)

-- src -> tgt
MERGE INTO tgt USING src ON tgt.id = src.id WHEN MATCHED THEN UPDATE SET v = src.v WHEN NOT MATCHED THEN INSERT

-- a b -> c
INSERT INTO c WITH x AS MATERIALIZED (SELECT * FROM a) SELECT * FROM x POSITIONAL JOIN b

-- a b -> t
WITH q AS (FROM a), r AS (SELECT * FROM b) INSERT INTO t BY NAME FROM q JOIN r USING (id)

-- a -> t
INSERT OR REPLACE INTO t FROM a SELECT x, y RETURNING *

-- <s3://b/*/x.csv> -> t
INSERT INTO t SELECT * FROM read_csv_auto('s3://b/*/x.csv', hive_partitioning = 1)

-- <a.json> t ->
FROM t POSITIONAL JOIN 'a.json' AS j SELECT t.*, j.x

-- cities ->
FROM (PIVOT cities ON year IN (2000, 2010) USING sum(population) AS total, max(population) GROUP BY country) SELECT *

-- a ->
SELECT * FROM (UNPIVOT a ON COLUMNS(* EXCLUDE (id)) INTO NAME k VALUE v)

-- t u ->
SELECT x FROM t WHERE x IN (FROM u SELECT y) ORDER BY ALL LIMIT 10%

-- a b -> t
CREATE TABLE t AS WITH RECURSIVE r USING KEY (a) AS (FROM a UNION ALL SELECT r.* FROM r JOIN b ON r.a = b.a) FROM r

-- src -> t
MERGE INTO t USING src USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT BY NAME

-- a -> <out.parquet>
COPY (FROM a) TO 'out.parquet' (FORMAT parquet, COMPRESSION zstd)

-- *
EXPORT DATABASE 'target' (FORMAT parquet)

-- t -> t
CREATE OR REPLACE TABLE t AS SELECT * FROM t WHERE x

-- a b -> v
CREATE OR REPLACE VIEW v AS FROM a LEFT JOIN LATERAL (FROM b WHERE b.x = a.x) ON true

-- db.s.a -> t
CREATE TABLE t AS FROM db.s.a AT (VERSION => 3)

-- <a.xlsx> ->
FROM 'a.xlsx'

-- t ->
SELECT unnest(s, recursive := true), s.x.y, list[1:2] FROM t TABLESAMPLE 10%

-- *
COPY FROM DATABASE a TO b

-- t ->
FROM query_table('t')
