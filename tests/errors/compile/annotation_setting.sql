-- sqlflow: memory=8Gi
SELECT 1;
-- sqlflow: resources.cpu=2, resource.memory=8Gi
SELECT * FROM t TO TRAIN xgboost.gbtree LABEL y INTO m;
-- sqlflow: reads a
SELECT * FROM t TO PREDICT p.y USING m;
-- sqlflow: stable
CALL refresh();
-- sqlflow: datasource other, resources.cpu=1
SELECT 3;
