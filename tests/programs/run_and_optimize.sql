-- Statements for images and solvers: their SELECTs are inputs, their INTO tables are outputs.
SELECT * FROM series TO RUN sqlflow/runnable:v0.1 CMD "extract.py", "--window=3" INTO features, labels;
SELECT f.x, l.y FROM features AS f JOIN labels AS l ON f.id = l.id TO TRAIN xgboost.gbtree LABEL y INTO m;
SELECT * FROM woodcarving
TO MAXIMIZE SUM((price - materials_cost - other_cost) * product)
CONSTRAINT SUM(finishing * product) <= 100, SUM(carpentry * product) <= 80, product <= max_num
WITH variables = "product(product)", var_type = "NonNegativeIntegers"
USING glpk
INTO shop.woodcarving_result;
SELECT t.plants, t.markets, t.distance, p.capacity, k.demand
FROM transportation AS t
LEFT JOIN plants AS p ON t.plants = p.plants
LEFT JOIN markets AS k ON t.markets = k.markets
TO MINIMIZE SUM(shipment * distance * 90 / 1000)
CONSTRAINT SUM(shipment) <= capacity GROUP BY plants, SUM(shipment) >= demand GROUP BY markets
WITH variables = "shipment(plants,markets)", var_type = "NonNegativeIntegers"
INTO shop.shipment;
SELECT * FROM shop.shipment;
-- Nobody knows what this one does: all before it come first, all after it wait.
SELECT * FROM shop.shipment TO RUN mailer;
SELECT * FROM series;
