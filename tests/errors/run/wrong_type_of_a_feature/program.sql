CREATE TABLE rounded AS SELECT sepal_length, CAST(petal_width AS TEXT) AS petal_width FROM flowers;

SELECT * FROM rounded
TO PREDICT guessed.class
USING flower_model;
