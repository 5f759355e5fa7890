CREATE TABLE copied AS SELECT * FROM flowers;

SET memory_limt = '1GB';

CREATE TABLE second AS SELECT * FROM copied;
