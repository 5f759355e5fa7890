CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM copied
TO PREDICT guessed.class
USING flour_model;
