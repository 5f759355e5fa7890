-- Who reads a view reads its tables.
CREATE SCHEMA IF NOT EXISTS shop;
CREATE TABLE shop.items AS SELECT * FROM 'items.parquet';
CREATE VIEW shop.cheap AS SELECT * FROM shop.items WHERE price < 10;
CREATE VIEW shop.names AS SELECT name FROM shop.cheap;
CREATE TABLE shop.listed AS SELECT * FROM shop.names;
INSERT INTO shop.items VALUES ('late', 1);
CREATE OR REPLACE VIEW shop.cheap AS SELECT * FROM shop.stock;
SELECT * FROM shop.names;
DELETE FROM shop.stock;
DROP VIEW shop.names;
DROP VIEW shop.cheap;
DROP SCHEMA shop CASCADE;
