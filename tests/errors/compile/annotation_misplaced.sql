CREATE TABLE a AS SELECT 1 AS x; -- sqlflow: resources.cpu=1
/* the next one */ -- sqlflow: resources.cpu=2
SELECT 1;
BEGIN;
-- sqlflow: resources.memory=1Gi
INSERT INTO a SELECT 2;
COMMIT;
-- sqlflow: resources.memory=1Gi
SET threads = 1;
-- sqlflow: resources.memory=2Gi

-- A note in between.
SELECT 2;
-- sqlflow: resources.memory=1Gi
