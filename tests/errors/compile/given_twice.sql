SELECT a, y FROM t TO TRAIN DNNClassifier LABEL y INTO m LABEL a;
SELECT a, y FROM t TO TRAIN DNNClassifier WITH train.epoch=3, Train.Epoch=4 LABEL y INTO m;
SELECT a, y FROM t TO TRAIN DNNClassifier COLUMN a COLUMN y LABEL y INTO m;
