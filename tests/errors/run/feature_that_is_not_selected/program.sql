CREATE TABLE copied AS SELECT * FROM flowers;

SELECT petal_width, class FROM copied
TO PREDICT guessed.class
USING flower_model;
