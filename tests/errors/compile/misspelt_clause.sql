SELECT a, y
FROM t
TO TRAIN DNNClassifier
WITH model.n_classes = 3
LABLE y
INTO m;
