CREATE TABLE copied AS SELECT * FROM flowers;

SELECT * FROM copied
TO TRAIN DNNClasifier
LABEL class
INTO new_model;
