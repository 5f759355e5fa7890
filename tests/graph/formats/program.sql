CREATE TABLE shop.clean AS SELECT * FROM shop.orders WHERE amount > 0;
INSERT INTO shop.clean SELECT * FROM shop.late_orders;

SELECT c.amount, r.weight, c.price
FROM shop.clean AS c JOIN shop.regions AS r USING (region)
TO TRAIN xgboost.gbtree
WITH objective = "reg:squarederror", validation.select = "SELECT * FROM shop.checked"
LABEL price
INTO price_model;

SELECT * FROM shop.clean TO PREDICT shop.predicted.price USING price_model;
SELECT * FROM shop.checked TO EVALUATE price_model LABEL price;
DELETE FROM shop.clean WHERE amount > 1000;
SELECT count(*) FROM shop.predicted;
