SELECT petal_width, class FROM flowers
TO PREDICT guessed.class
USING flower_model;
