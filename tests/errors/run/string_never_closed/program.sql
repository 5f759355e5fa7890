CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM copied WHERE class = 'one;
