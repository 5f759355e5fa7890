CREATE TABLE long_ones AS SELECT * FROM flowers WHERE sepal_length > 6;

CREATE TABLE wide_ones AS SELECT sepal_breadth FROM long_ones;
