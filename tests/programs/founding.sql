-- The examples of the documents that this language comes from.
CREATE TABLE table1 (id INTEGER, c1 DOUBLE, c2 DOUBLE, condition BOOLEAN);
CREATE TABLE table2 (id INTEGER, c3 DOUBLE, label VARCHAR);
SELECT c1, c2, c3, label
FROM table1 JOIN table2 ON table1.id = table2.id
WHERE condition
TO TRAIN DNNClassifier
WITH n_class = 3
COLUMN c1, c2, c3
OUTPUT label
INTO my_dnn_model;

SELECT * FROM training_data
TRAIN DNNClassifier
LABEL kind
INTO my_model;

SELECT * FROM testing_data
PREDICT testing_data.predicted_kind
USING my_model;
