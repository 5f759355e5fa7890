-- Inputs and outputs stand above each statement: <file>, schema/, * for a statement that may do anything.

-- ORDERS -> DAILY
CREATE TABLE daily AS SELECT TRUNC(at) AS day, SUM(price) AS total FROM orders GROUP BY TRUNC(at)

-- HR.EMP Mixed ->
SELECT e.* FROM hr.emp e, "Mixed" m WHERE e.id = m.id (+)

-- DUAL ->
SELECT SYSDATE FROM dual

-- SRC -> TGT
INSERT INTO tgt (a, b) SELECT a, b FROM src

-- SRC -> TGT
INSERT /*+ APPEND PARALLEL(4) */ INTO tgt SELECT * FROM src

-- SRC -> A B
INSERT ALL INTO a (x) VALUES (x) INTO b (y) VALUES (y) SELECT x, y FROM src

-- SRC -> TGT
MERGE INTO tgt t USING src s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET t.v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)

-- SRC -> TGT
MERGE INTO tgt t USING (SELECT id, v FROM src) s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET t.v = s.v

-- SRC -> T
UPDATE t SET (a, b) = (SELECT a, b FROM src WHERE src.id = t.id) WHERE EXISTS (SELECT 1 FROM src WHERE src.id = t.id)

-- VIPS -> T
DELETE FROM t WHERE id IN (SELECT id FROM vips)

-- -> T
DELETE t WHERE id = 1

-- -> T
TRUNCATE TABLE t

-- -> T
DROP TABLE t CASCADE CONSTRAINTS PURGE

-- EMP ->
SELECT LEVEL, name FROM emp START WITH boss IS NULL CONNECT BY PRIOR id = boss ORDER SIBLINGS BY name

-- T ->
SELECT * FROM t WHERE ROWNUM <= 10

-- T ->
SELECT a, LISTAGG(b, ', ') WITHIN GROUP (ORDER BY b) FROM t GROUP BY a

-- A B C ->
SELECT x FROM a MINUS SELECT x FROM b UNION SELECT x FROM c

-- SALES ->
SELECT * FROM (SELECT region, q, amount FROM sales) PIVOT (SUM(amount) FOR q IN ('Q1' AS q1, 'Q2' AS q2))

-- A -> V
CREATE OR REPLACE VIEW v AS SELECT * FROM a WITH READ ONLY

-- A -> V
CREATE OR REPLACE FORCE EDITIONABLE VIEW v (x) AS SELECT x FROM a

-- A -> MV
CREATE MATERIALIZED VIEW mv BUILD IMMEDIATE REFRESH FAST ON DEMAND AS SELECT * FROM a

-- -> T
CREATE TABLE t (id NUMBER(10) GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name VARCHAR2(20 CHAR) NOT NULL, at DATE DEFAULT SYSDATE)

-- -> T
CREATE INDEX by_name ON t (UPPER(name)) TABLESPACE users

-- -> T
ALTER TABLE t ADD (x NUMBER, y CLOB)

-- -> T
ALTER TABLE t MODIFY name VARCHAR2(40)

-- S.A -> S.A S.B
ALTER TABLE s.a RENAME TO b

-- A -> A B
RENAME a TO b

-- -> T
COMMENT ON TABLE t IS 'it''s'

-- -> T
COMMENT ON COLUMN t.x IS 'x'

-- ->
ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD'

-- A ->
WITH q AS (SELECT /*+ MATERIALIZE */ * FROM a) SELECT * FROM q WHERE x > (SELECT AVG(x) FROM q)

-- A B ->
SELECT * FROM a CROSS APPLY (SELECT * FROM b WHERE b.id = a.id) x

-- T ->
SELECT a, RANK() OVER (PARTITION BY b ORDER BY c NULLS LAST) FROM t FETCH FIRST 5 ROWS ONLY

-- T ->
SELECT NVL(a, 0), DECODE(b, 1, 'one', 'other'), q'[it's; from nowhere]' FROM t

-- REMOTE_T ->
SELECT * FROM remote_t FOR UPDATE OF x NOWAIT

-- *
LOCK TABLE t IN EXCLUSIVE MODE

-- *
BEGIN refresh_all; END;

-- *
CREATE SEQUENCE s START WITH 1
