CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM flowers
TO EXPLAIN flower_model
WITH summary.plot_type = "pie";
