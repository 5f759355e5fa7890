CREATE TEMP TABLE t AS SELECT * FROM raw;
CREATE TEMP VIEW v AS SELECT a FROM t;

-- A view holds no rows of its own.
INSERT INTO v VALUES (1);

-- The prediction would be hidden behind the TEMP table.
SELECT * FROM raw TO PREDICT t.y USING m;

-- One statement, two tables, one of them TEMP.
DROP TABLE t, raw;

BEGIN;
INSERT INTO t VALUES (2);
INSERT INTO v VALUES (2);
COMMIT;
