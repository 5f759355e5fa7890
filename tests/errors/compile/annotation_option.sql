-- sqlflow: name=x
CREATE TABLE a AS SELECT 1 AS n;
-- sqlflow: stable=perhaps
SELECT 1;
-- sqlflow: datasource=warehouse
SELECT 2;
-- sqlflow: name="daily report"
SELECT 3;
-- sqlflow: name=daily, name=nightly
SELECT 4;
-- sqlflow: name=weekly
SELECT 5;
-- sqlflow: name=weekly
SELECT 6;
