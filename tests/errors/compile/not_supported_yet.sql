SELECT * FROM t TO RUN my/image:v1 CMD "a.py" INTO r;
SELECT * FROM t TO MAXIMIZE SUM(price * amount) WITH variables="amount" INTO r;
