SELECT * FROM ${TABLE} WHERE dt = '${yyyyMMdd - 1d}';
SELECT * FROM nonsense TO TRAIN;
