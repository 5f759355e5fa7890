-- Segments of tables: what a table is when others read it, not every statement that writes it.
DROP TABLE IF EXISTS orders;
CREATE TABLE orders (id INT, price INT);
INSERT INTO orders SELECT * FROM raw_orders;
CREATE INDEX by_id ON orders (id);

CREATE TABLE totals AS SELECT sum(price) AS total FROM orders;

-- The total is known before the late orders come.
INSERT INTO orders SELECT * FROM late_orders;
UPDATE orders SET price = 0 WHERE price IS NULL;

SELECT * FROM orders;

CREATE OR REPLACE TABLE scratch AS SELECT id FROM orders;
CREATE TABLE ids AS SELECT DISTINCT id FROM scratch;
DROP TABLE scratch;
