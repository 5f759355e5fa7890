CREATE TABLE iris.test AS SELECT * FROM iris.raw;
SELECT * FROM iris.test TO PREDICT iris.guessed USING m;
SELECT * FROM iris.test TO PREDICT iris.guessed.class USING m;
SELECT * FROM iris.test TO PREDICT guessed.class USING m;
