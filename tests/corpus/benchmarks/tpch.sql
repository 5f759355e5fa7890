-- The shapes of the 22 queries of TPC-H, in SQL that every dialect reads; the tables stand above each.

-- lineitem ->
SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_discount), count(*) FROM lineitem WHERE l_shipdate <= '1998-09-02' GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus

-- nation part partsupp region supplier ->
SELECT s_acctbal, s_name, n_name, p_partkey FROM part, supplier, partsupp, nation, region WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = 15 AND p_type LIKE '%BRASS' AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND ps_supplycost = (SELECT min(ps_supplycost) FROM partsupp, supplier, nation, region WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'EUROPE') ORDER BY s_acctbal DESC

-- customer lineitem orders ->
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate FROM customer, orders, lineitem WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey GROUP BY l_orderkey, o_orderdate ORDER BY revenue DESC

-- lineitem orders ->
SELECT o_orderpriority, count(*) AS n FROM orders WHERE o_orderdate >= '1993-07-01' AND EXISTS (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate) GROUP BY o_orderpriority

-- customer lineitem nation orders region supplier ->
SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM customer, orders, lineitem, supplier, nation, region WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey GROUP BY n_name

-- lineitem ->
SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24

-- customer lineitem nation orders supplier ->
SELECT supp, cust, y, sum(volume) FROM (SELECT n1.n_name AS supp, n2.n_name AS cust, extract(YEAR FROM l_shipdate) AS y, l_extendedprice AS volume FROM supplier, lineitem, orders, customer, nation n1, nation n2 WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND (n1.n_name = 'FRANCE' OR n2.n_name = 'FRANCE')) AS shipping GROUP BY supp, cust, y

-- customer lineitem nation orders part region supplier ->
SELECT y, sum(CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) FROM (SELECT extract(YEAR FROM o_orderdate) AS y, l_extendedprice AS volume, n2.n_name AS nation FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region WHERE p_partkey = l_partkey AND n1.n_regionkey = r_regionkey) AS all_nations GROUP BY y

-- lineitem nation orders part partsupp supplier ->
SELECT nation, y, sum(amount) FROM (SELECT n_name AS nation, extract(YEAR FROM o_orderdate) AS y, l_extendedprice - ps_supplycost * l_quantity AS amount FROM part, supplier, lineitem, partsupp, orders, nation WHERE p_name LIKE '%green%') AS profit GROUP BY nation, y

-- customer lineitem nation orders ->
SELECT c_custkey, sum(l_extendedprice) AS revenue FROM customer, orders, lineitem, nation WHERE c_custkey = o_custkey AND l_returnflag = 'R' GROUP BY c_custkey

-- nation partsupp supplier ->
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS v FROM partsupp, supplier, nation WHERE ps_suppkey = s_suppkey GROUP BY ps_partkey HAVING sum(ps_supplycost * ps_availqty) > (SELECT sum(ps_supplycost) * 0.0001 FROM partsupp, supplier, nation WHERE n_name = 'GERMANY')

-- lineitem orders ->
SELECT l_shipmode, sum(CASE WHEN o_orderpriority IN ('1-URGENT', '2-HIGH') THEN 1 ELSE 0 END) FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') GROUP BY l_shipmode

-- customer orders ->
SELECT n, count(*) FROM (SELECT c_custkey, count(o_orderkey) AS n FROM customer LEFT OUTER JOIN orders ON c_custkey = o_custkey AND NOT o_comment LIKE '%special%' GROUP BY c_custkey) AS c_orders GROUP BY n

-- lineitem part ->
SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice ELSE 0 END) / sum(l_extendedprice) FROM lineitem, part WHERE l_partkey = p_partkey

-- lineitem supplier ->
WITH revenue AS (SELECT l_suppkey AS supplier_no, sum(l_extendedprice) AS total FROM lineitem GROUP BY l_suppkey) SELECT s_suppkey, total FROM supplier, revenue WHERE s_suppkey = supplier_no AND total = (SELECT max(total) FROM revenue)

-- part partsupp supplier ->
SELECT p_brand, count(DISTINCT ps_suppkey) FROM partsupp, part WHERE p_partkey = ps_partkey AND p_brand <> 'Brand#45' AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Complaints%') GROUP BY p_brand

-- lineitem part ->
SELECT sum(l_extendedprice) / 7.0 FROM lineitem, part WHERE p_partkey = l_partkey AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)

-- customer lineitem orders ->
SELECT c_name, o_orderkey, sum(l_quantity) FROM customer, orders, lineitem WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300) AND c_custkey = o_custkey GROUP BY c_name, o_orderkey

-- lineitem part ->
SELECT sum(l_extendedprice * (1 - l_discount)) FROM lineitem, part WHERE (p_partkey = l_partkey AND p_brand = 'Brand#12' AND p_size BETWEEN 1 AND 5) OR (p_partkey = l_partkey AND p_brand = 'Brand#23')

-- lineitem nation part partsupp supplier ->
SELECT s_name FROM supplier, nation WHERE s_suppkey IN (SELECT ps_suppkey FROM partsupp WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE 'forest%') AND ps_availqty > (SELECT 0.5 * sum(l_quantity) FROM lineitem WHERE l_partkey = ps_partkey)) AND s_nationkey = n_nationkey

-- lineitem nation orders supplier ->
SELECT s_name, count(*) AS waits FROM supplier, lineitem l1, orders, nation WHERE s_suppkey = l1.l_suppkey AND EXISTS (SELECT * FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey) AND NOT EXISTS (SELECT * FROM lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey) GROUP BY s_name

-- customer orders ->
SELECT code, count(*), sum(c_acctbal) FROM (SELECT substring(c_phone, 1, 2) AS code, c_acctbal FROM customer WHERE substring(c_phone, 1, 2) IN ('13', '31') AND c_acctbal > (SELECT avg(c_acctbal) FROM customer WHERE c_acctbal > 0.00) AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS custsale GROUP BY code
