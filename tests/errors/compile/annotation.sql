-- sqlflow: resources.memory=8Gi, reads a and b
CALL refresh();
-- sqlflow: writes
CALL refresh();
-- sqlflow: this is only a remark
SELECT 1;
