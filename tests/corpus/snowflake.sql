-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- ORDERS -> DAILY
CREATE OR REPLACE TRANSIENT TABLE daily CLUSTER BY (day) AS SELECT at::date AS day, SUM(price) AS total FROM orders GROUP BY ALL

-- DB.S.Mixed -> T
CREATE TABLE IF NOT EXISTS t AS SELECT * FROM db.s."Mixed"

-- SRC -> TGT
INSERT OVERWRITE INTO tgt SELECT * FROM src

-- SRC -> A B
INSERT ALL WHEN n > 1 THEN INTO a VALUES (n) ELSE INTO b SELECT n FROM src

-- SRC -> T
MERGE INTO t USING (SELECT * FROM src QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY at DESC) = 1) s ON t.id = s.id WHEN MATCHED AND s.gone THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)

-- B -> A
UPDATE a SET a.x = b.x FROM b WHERE a.id = b.id

-- B -> A
DELETE FROM a USING b WHERE a.id = b.id

-- -> T
TRUNCATE TABLE IF EXISTS t

-- <@landing/2026/> -> T
COPY INTO t FROM @landing/2026/ FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1) ON_ERROR = CONTINUE

-- <@landing> -> T
COPY INTO t FROM (SELECT $1, $2:x::INT FROM @landing) PATTERN = '.*[.]json'

-- ORDERS -> <@out/orders>
COPY INTO @out/orders FROM (SELECT * FROM orders) FILE_FORMAT = (TYPE = PARQUET) OVERWRITE = TRUE

-- <@~/x.csv> ->
SELECT $1, metadata$filename FROM @~/x.csv (FILE_FORMAT => 'f')

-- A -> B
CREATE TABLE b CLONE a AT (OFFSET => -3600)

-- A -> B
CREATE TABLE b LIKE a

-- A B -> A B
ALTER TABLE a SWAP WITH b

-- A -> A B
ALTER TABLE a RENAME TO b

-- -> T
ALTER TABLE t ADD COLUMN x VARIANT, y NUMBER(10, 2)

-- A -> V
CREATE OR REPLACE SECURE VIEW v COPY GRANTS AS SELECT * FROM a

-- A B -> DT
CREATE OR REPLACE DYNAMIC TABLE dt TARGET_LAG = '20 minutes' WAREHOUSE = wh AS SELECT * FROM a JOIN b USING (id)

-- A -> MV
CREATE MATERIALIZED VIEW mv AS SELECT x, COUNT(*) AS n FROM a GROUP BY x

-- DOCS ->
SELECT d.id, f.value:name::STRING FROM docs d, LATERAL FLATTEN(input => d.body:items, outer => TRUE) f

-- ->
SELECT seq4() FROM TABLE(GENERATOR(ROWCOUNT => 10))

-- ->
SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))

-- SALES ->
SELECT * FROM sales PIVOT (SUM(amount) FOR month IN ('JAN', 'FEB')) AS p

-- SALES ->
SELECT * FROM sales UNPIVOT (amount FOR month IN (jan, feb))

-- T ->
SELECT * FROM t AT (TIMESTAMP => '2026-01-01'::TIMESTAMP) SAMPLE (10 ROWS)

-- PEOPLE ->
SELECT * FROM people START WITH boss IS NULL CONNECT BY boss = PRIOR id

-- A B C ->
SELECT * FROM a MINUS SELECT * FROM b INTERSECT SELECT * FROM c

-- T ->
SELECT IFF(x > 0, 1, 0), OBJECT_CONSTRUCT('k', v), LISTAGG(y, ',') WITHIN GROUP (ORDER BY y), $$a;b$$ FROM t // FROM nowhere

-- Quoted T ->
SELECT * FROM "Quoted" NATURAL JOIN T

-- QUOTES TRADES ->
SELECT * FROM trades t ASOF JOIN quotes q MATCH_CONDITION (t.at >= q.at) ON t.s = q.s

-- -> T
DROP TABLE IF EXISTS t CASCADE

-- -> T
UNDROP TABLE t

-- ->
USE ROLE analyst

-- ->
ALTER SESSION SET TIMEZONE = 'UTC'

-- -> S/
CREATE SCHEMA IF NOT EXISTS s

-- T ->
DESCRIBE TABLE t

-- ->
SHOW TABLES IN SCHEMA s

-- *
EXECUTE IMMEDIATE $$ BEGIN RETURN 1; END $$

-- *
CALL p(1)
