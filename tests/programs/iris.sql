-- The example of the documentation: two models on the iris data, a prediction, an evaluation and an
-- explanation.
CREATE TABLE iris.train AS SELECT * FROM iris.raw WHERE id % 5 <> 0;
CREATE TABLE iris.test  AS SELECT r.*, s.class FROM iris.raw AS r JOIN iris.species AS s ON r.species = s.name WHERE id % 5 = 0;
SELECT t.sepal_length, t.sepal_width, t.petal_length, t.petal_width, s.class FROM iris.train AS t JOIN iris.species AS s ON t.species = s.name TO TRAIN xgboost.gbtree WITH objective="multi:softprob", num_class=3, train.num_boost_round=30, validation.select="SELECT * FROM iris.test" LABEL class INTO iris_xgb;
SELECT t.sepal_length, t.sepal_width, t.petal_length, t.petal_width, s.class FROM iris.train AS t JOIN iris.species AS s ON t.species = s.name TO TRAIN DNNClassifier WITH model.n_classes=3, model.hidden_units=[10,10], model.optimizer=Adam, optimizer.learning_rate=0.01, train.batch_size=16, train.epoch=60 COLUMN sepal_length, sepal_width, petal_length, petal_width LABEL class INTO iris_dnn;
SELECT * FROM iris.test TO PREDICT iris.predict.class USING iris_dnn;
SELECT * FROM iris.test TO EVALUATE iris_dnn WITH validation.metrics="accuracy_score" LABEL class INTO iris.evaluation;
SELECT * FROM iris.test TO EXPLAIN iris_xgb WITH summary.plot_type="bar" INTO iris.explanation;
