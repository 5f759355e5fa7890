SELECT sepal_length, sepal_width AS width, class FROM iris
TO TRAIN DNNClassifier
COLUMN sepal_lenght, BUCKET(DENSE(height, 1), [1, 2]), width
LABEL klass
INTO m;
SELECT a, b FROM t TO EVALUATE m LABEL c INTO r;
