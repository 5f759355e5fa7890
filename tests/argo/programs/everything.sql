-- One of each thing that a manifest has to take care of.
USE shop;

-- sqlflow: resources.memory=2Gi, resources.cpu=500m
CREATE TABLE orders_clean AS
SELECT id, customer, price -- in cents
FROM orders WHERE price > 0;

-- Added to, so never run twice.
INSERT INTO orders_clean SELECT id, customer, price FROM orders_late;

-- Seen by everybody at once.
BEGIN;
DELETE FROM totals;
INSERT INTO totals SELECT customer, sum(price) AS total FROM orders_clean GROUP BY customer;
COMMIT;

-- Dollars, braces and what looks like a variable.
CREATE TABLE notes AS SELECT $$costs $5$$ AS a, '$(SQLFLOW_DATASOURCE)' AS b;
CREATE TABLE braces AS SELECT '{{workflow.name}}' AS a;

-- Both SELECTs get a table of their own.
SELECT o.price, t.total FROM orders_clean AS o JOIN totals AS t USING (customer)
TO TRAIN xgboost.gbtree
WITH
    objective = "reg:squarederror",
    validation.select = "SELECT o.price, t.total FROM orders_late AS o JOIN totals AS t USING (customer)",
    resources.memory = "8Gi",
    resources.gpu = 1,
    resources.image = "registry.example.com/trainer:2",
    resources.node_selector = "pool=gpu, zone=a"
LABEL total
INTO total_model;

SHOW TRAIN total_model;
SELECT count(*) FROM notes;

-- Programs of other images, which learn the statement from their environment.
SELECT customer, '$(HOME) $' AS cost FROM orders_clean WHERE price > 0
TO RUN hub.io/tools/extract:v1 CMD "extract.py", "--window=$3", "a b" INTO features, labels;
SELECT * FROM features TO RUN mailer:2 CMD "mail";
