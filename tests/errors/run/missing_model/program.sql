SELECT * FROM flowers
TO PREDICT guessed.class
USING flour_model;
