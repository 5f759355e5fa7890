-- sqlflow: resources.memory=8GB
CREATE TABLE a AS SELECT 1 AS x;
SELECT * FROM a TO PREDICT p.y WITH resources.gpus=1 USING m;
