CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM flowerz
TO PREDICT guessed.class
USING flower_model;
