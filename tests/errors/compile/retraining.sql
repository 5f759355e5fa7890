SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.schedule="often" LABEL y INTO a;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.schedule="0 25 * * *" LABEL y INTO b;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.schedule="@dayly" LABEL y INTO c;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.schedule="0 0 30 2 *" LABEL y INTO d;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.schedule=3 LABEL y INTO e;
SELECT * FROM t TO TRAIN xgboost.gbtree
WITH retrain.schedule="0 3 * * *", retrain.timezone=Europe/Berln LABEL y INTO f;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.timezone=UTC LABEL y INTO g;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.min_new_rows=0 LABEL y INTO h;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.min_rows=10 LABEL y INTO i;
SELECT * FROM t TO PREDICT p.y WITH retrain.schedule="0 3 * * *" USING a;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.watermark="created_at" LABEL y INTO j;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.min_new_rows=1, retrain.watermark=3 LABEL y INTO k;
SELECT * FROM t TO TRAIN xgboost.gbtree WITH retrain.min_new_rows=1, retrain.watermark="" LABEL y INTO l;
