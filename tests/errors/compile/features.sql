-- The label among the features; keys as features.
SELECT user_id, uuid, age, city, bought FROM visits
TO TRAIN xgboost.gbtree COLUMN age, CATEGORY_ID(bought, 2), "city" LABEL bought INTO m;
-- Asked for, or left out.
SELECT user_id, age, bought FROM visits
TO TRAIN xgboost.gbtree COLUMN CATEGORY_ID(user_id) LABEL bought INTO n;
SELECT user_id, age, bought FROM visits
TO TRAIN xgboost.gbtree WITH train.columns = listed COLUMN age LABEL bought INTO o;
SELECT age, grid, bought FROM visits TO TRAIN xgboost.gbtree LABEL bought INTO q;
-- Regular expressions: the first two match, the others do not.
SELECT user_id, age, bought FROM visits TO TRAIN xgboost.gbtree COLUMN "age|city", "USER_.*" LABEL bought INTO r;
SELECT age, bought FROM visits TO TRAIN xgboost.gbtree COLUMN "city.*", BUCKET("(", 3) LABEL bought INTO s;
