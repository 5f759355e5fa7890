-- sqlflow: resources.image=one:1
CREATE TABLE a AS SELECT 1 AS x;
-- sqlflow: resources.image=two:1
INSERT INTO a SELECT 2;
-- sqlflow: resources.node_selector="disk=ssd"
CREATE TABLE b AS SELECT 1 AS x;
-- sqlflow: resources.node_selector="disk=hdd"
INSERT INTO b SELECT 2;
