-- dialect: sqlite
CREATE TRIGGER g AFTER INSERT ON t
BEGIN
  UPDATE u SET n = n + 1;
SELECT 2;
