-- How much of each? Two plans that a solver makes, with all they read in this file.
--
--   sqlflow run examples/planning.sql --datasource duckdb:///sqlflow.duckdb

-- A workshop carves soldiers and trains. What does a week earn at most?
CREATE TABLE woodcarving (
    product VARCHAR(20), price INT, materials_cost INT, other_cost INT, finishing INT, carpentry INT, max_num INT
);
INSERT INTO woodcarving VALUES
    ('soldier', 27, 10, 14, 2, 1, 40),
    ('train', 21, 9, 10, 1, 1, 10000);

-- Each row has a number to be found. It is called product, like the column that tells the rows apart, and
-- stands in product_value of the plan: 20 soldiers and 60 trains earn 180.
SELECT * FROM woodcarving
TO MAXIMIZE SUM((price - materials_cost - other_cost) * product)
CONSTRAINT SUM(finishing * product) <= 100, SUM(carpentry * product) <= 80, product <= max_num
WITH
    variables = "product(product)",
    var_type = "NonNegativeIntegers"
INTO woodcarving_plan;

-- Two plants supply two markets. Which of them ships how much where, for the least cost of transport?
CREATE TABLE plants AS
SELECT 'plantA' AS plant, 100 AS capacity UNION ALL SELECT 'plantB', 90;

CREATE TABLE markets AS
SELECT 'marketA' AS market, 130 AS demand UNION ALL SELECT 'marketB', 60;

CREATE TABLE routes AS
SELECT 'plantA' AS plant, 'marketA' AS market, 140 AS distance
UNION ALL SELECT 'plantA', 'marketB', 210
UNION ALL SELECT 'plantB', 'marketA', 300
UNION ALL SELECT 'plantB', 'marketB', 90;

-- With GROUP BY, a constraint holds for the rows of each plant, or of each market. The plan costs 2556.
SELECT routes.plant, routes.market, distance, capacity, demand
FROM routes
JOIN plants ON plants.plant = routes.plant
JOIN markets ON markets.market = routes.market
TO MINIMIZE SUM(shipment * distance * 90 / 1000)
CONSTRAINT SUM(shipment) <= capacity GROUP BY plant, SUM(shipment) >= demand GROUP BY market
WITH
    variables = "shipment(plant, market)",
    var_type = "NonNegativeIntegers"
INTO shipments;

SELECT * FROM shipments WHERE shipment > 0;
