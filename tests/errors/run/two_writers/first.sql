CREATE TABLE copied AS SELECT * FROM flowers;

CREATE TABLE long_ones AS SELECT * FROM flowers WHERE sepal_length > 6;
