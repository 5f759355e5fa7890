SELECT a, y FROM t
TO TRAIN DNNClasifier
LABEL y
INTO m;
SELECT a, y FROM t TO TRAIN nothing.like.it LABEL y INTO n;
