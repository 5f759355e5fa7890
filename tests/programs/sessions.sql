-- dialect: postgres
-- USE and SET go with every statement after them, a transaction is one step.
SET search_path TO sales;
CREATE TABLE customers (id INT PRIMARY KEY);
CREATE TABLE orders (id INT, customer INT REFERENCES customers (id));
BEGIN;
INSERT INTO customers SELECT id FROM public.people;
INSERT INTO orders SELECT id, customer FROM raw;
COMMIT;
SET statement_timeout = 1000;
DELETE FROM orders WHERE id IS NULL;
DELETE FROM customers WHERE id IS NULL;
ALTER TABLE orders RENAME TO all_orders;
SELECT count(*) FROM sales.all_orders;
CALL refresh_everything();
SELECT count(*) FROM customers;
