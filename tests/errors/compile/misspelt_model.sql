SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO house_prices;
SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO houses_v1;
SELECT a FROM t TO PREDICT p.y USING house_price;
SELECT a, y FROM t TO EVALUATE House_Prices LABEL y INTO e;
SHOW TRAIN house_pricse;
-- These may be models of another program.
SELECT a FROM t TO PREDICT q.y USING houses_v2;
SELECT a FROM t TO PREDICT r.y USING wine;
