CREATE TABLE wide_ones AS SELECT * FROM flowers WHERE sepal_width > 3;

CREATE TABLE long_ones AS SELECT * FROM flowers WHERE sepal_length > 7;
