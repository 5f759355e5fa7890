CREATE TABLE copied AS SELECT * FROM flowers;

SELEC * FORM copied;
