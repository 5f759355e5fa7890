CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM flowers
TO EVALUATE flower_model
WITH validation.metrics = "acuracy_score"
LABEL class
INTO judged;
