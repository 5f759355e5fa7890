-- What cannot be linear, or is no number.
SELECT * FROM t TO MAXIMIZE SUM(x * (price - x))
CONSTRAINT
    SUM(cost / x) <= 10,
    SUM(price * SUM(x)) <= 10,
    x <= 5 AND x >= 1,
    1 <= x <= 5,
    NOT x <= 1,
    x < 5,
    x <> 3,
    SUM(x) + 3,
    price <= 10,
    x <= cap GROUP BY shop,
    SUM(x * price-cost) <= 10,
    SUM(cap/1000 * x) <= 10,
    MEDIAN(price) >= x,
    AVG(x) <= 3,
    SUM(x, 1) <= 3,
    x ** 2 <= 4,
    x * [1, 2] <= true,
    x / (3 - 3) <= 1,
    x <= 1e200 * 1e200
WITH variables = "x(shop)", var_type = "Reals" INTO r;

-- An objective is one number.
SELECT * FROM t TO MINIMIZE x * price WITH variables = "x(shop)", var_type = "Reals" INTO r;
SELECT * FROM t TO MINIMIZE SUM(x) + price WITH variables = "x(shop)", var_type = "Reals" INTO r;
SELECT * FROM t TO MINIMIZE SUM(price) WITH variables = "x(shop)", var_type = "Reals" INTO r;

-- Attributes.
SELECT * FROM t TO MINIMIZE SUM(x) WITH optimize.gap = 1 INTO r;
SELECT * FROM t TO MINIMIZE SUM(x)
WITH variables = "x(shop, shop)", var_type = "NonNegativInteger", optimize.time_limit = 0, optimize.mip_gap = "small"
USING gplk INTO r;
SELECT * FROM t TO MINIMIZE SUM(x) WITH variables = [a, b], var_type = Binary INTO r;

-- Columns.
CREATE TABLE goods AS SELECT 'A' AS shop, 1 AS price, 2 AS cap;
SELECT * FROM goods TO MINIMIZE SUM(prise * price)
CONSTRAINT SUM(price) <= capp GROUP BY shopp
WITH variables = "price(shop, place)", var_type = Binary INTO r;
