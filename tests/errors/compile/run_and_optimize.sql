SELECT * FROM t TO RUN my/image:v1 CMD slide_window INTO r;
SELECT * FROM t TO RUN my/image:v1 INTO r LABEL y;
SELECT * FROM t TO MAXIMIZE SUM(price * amount) WITH variables = "amount";
SELECT * FROM t TO MINIMIZE cost CONSTRAINT amount > 0 GROUP plant WITH variables = "amount" INTO r;
SELECT * FROM t TO MINIMIZE cost CONSTRAINT amount > 0 INTO r;
