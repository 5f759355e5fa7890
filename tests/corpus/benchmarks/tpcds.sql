-- Shapes that occur in the queries of TPC-DS, in SQL that every dialect reads; the tables stand above each.

-- customer date_dim store store_returns ->
WITH total AS (SELECT sr_customer_sk AS c, sr_store_sk AS s, sum(sr_fee) AS fee FROM store_returns, date_dim WHERE sr_returned_date_sk = d_date_sk GROUP BY sr_customer_sk, sr_store_sk) SELECT c_customer_id FROM total t1, store, customer WHERE t1.fee > (SELECT avg(fee) * 1.2 FROM total t2 WHERE t1.s = t2.s) AND s_store_sk = t1.s AND c = c_customer_sk

-- catalog_sales date_dim web_sales ->
WITH wscs AS (SELECT sold, price FROM (SELECT ws_sold_date_sk AS sold, ws_ext_sales_price AS price FROM web_sales UNION ALL SELECT cs_sold_date_sk, cs_ext_sales_price FROM catalog_sales) x), weeks AS (SELECT d_week_seq, sum(price) AS p FROM wscs, date_dim WHERE d_date_sk = sold GROUP BY d_week_seq) SELECT y.d_week_seq, y.p / z.p FROM (SELECT * FROM weeks) y, (SELECT * FROM weeks) z WHERE y.d_week_seq = z.d_week_seq - 53

-- catalog_sales customer date_dim store_sales web_sales ->
WITH year_total AS (SELECT c_customer_id AS id, d_year AS y, sum(ss_net_paid) AS total, 's' AS kind FROM customer, store_sales, date_dim WHERE c_customer_sk = ss_customer_sk GROUP BY c_customer_id, d_year UNION ALL SELECT c_customer_id, d_year, sum(cs_net_paid), 'c' FROM customer, catalog_sales, date_dim WHERE c_customer_sk = cs_bill_customer_sk GROUP BY c_customer_id, d_year UNION ALL SELECT c_customer_id, d_year, sum(ws_net_paid), 'w' FROM customer, web_sales, date_dim WHERE c_customer_sk = ws_bill_customer_sk GROUP BY c_customer_id, d_year) SELECT a.id FROM year_total a, year_total b, year_total c WHERE a.id = b.id AND b.id = c.id AND a.kind = 's' AND b.kind = 'c'

-- date_dim store store_returns store_sales ->
WITH ssr AS (SELECT s_store_id, sum(price) AS sales, sum(back) AS returns_ FROM (SELECT ss_store_sk AS sk, ss_ext_sales_price AS price, 0 AS back FROM store_sales UNION ALL SELECT sr_store_sk, 0, sr_return_amt FROM store_returns) salesreturns, date_dim, store WHERE sk = s_store_sk GROUP BY s_store_id) SELECT s_store_id, sum(sales) FROM ssr GROUP BY ROLLUP (s_store_id)

-- customer customer_address date_dim item store_sales ->
SELECT ca_state, count(*) AS cnt FROM customer_address a, customer c, store_sales s, date_dim d, item i WHERE a.ca_address_sk = c.c_current_addr_sk AND d.d_month_seq = (SELECT DISTINCT d_month_seq FROM date_dim WHERE d_year = 2001) AND i.i_current_price > 1.2 * (SELECT avg(j.i_current_price) FROM item j WHERE j.i_category = i.i_category) GROUP BY ca_state HAVING count(*) >= 10

-- customer customer_address date_dim store store_sales ->
SELECT s_store_name, sum(ss_net_profit) FROM store_sales, date_dim, store, (SELECT zip FROM (SELECT substring(ca_zip, 1, 5) AS zip FROM customer_address WHERE substring(ca_zip, 1, 5) IN ('24128', '76232') INTERSECT SELECT zip FROM (SELECT substring(ca_zip, 1, 5) AS zip FROM customer_address, customer WHERE ca_address_sk = c_current_addr_sk GROUP BY substring(ca_zip, 1, 5)) a1) a2) v1 WHERE ss_store_sk = s_store_sk GROUP BY s_store_name

-- reason store_sales ->
SELECT CASE WHEN (SELECT count(*) FROM store_sales WHERE ss_quantity BETWEEN 1 AND 20) > 100 THEN (SELECT avg(ss_ext_discount_amt) FROM store_sales WHERE ss_quantity BETWEEN 1 AND 20) ELSE (SELECT avg(ss_net_paid) FROM store_sales) END AS bucket FROM reason WHERE r_reason_sk = 1

-- catalog_sales customer customer_demographics date_dim web_sales ->
SELECT cd_gender, count(*) FROM customer c, customer_demographics WHERE cd_demo_sk = c.c_current_cdemo_sk AND (EXISTS (SELECT * FROM web_sales, date_dim WHERE c.c_customer_sk = ws_bill_customer_sk) OR EXISTS (SELECT * FROM catalog_sales, date_dim WHERE c.c_customer_sk = cs_ship_customer_sk)) GROUP BY cd_gender

-- catalog_sales date_dim item store_sales web_sales ->
WITH cross_items AS (SELECT i_item_sk AS sk FROM item, (SELECT iss.i_brand_id AS b FROM store_sales, item iss, date_dim d1 WHERE ss_item_sk = iss.i_item_sk INTERSECT SELECT ics.i_brand_id FROM catalog_sales, item ics, date_dim d2 WHERE cs_item_sk = ics.i_item_sk INTERSECT SELECT iws.i_brand_id FROM web_sales, item iws, date_dim d3 WHERE ws_item_sk = iws.i_item_sk) x WHERE i_brand_id = b), avg_sales AS (SELECT avg(q) AS a FROM (SELECT ss_quantity AS q FROM store_sales UNION ALL SELECT ws_quantity FROM web_sales) y) SELECT count(*) FROM store_sales WHERE ss_item_sk IN (SELECT sk FROM cross_items) HAVING sum(ss_quantity) > (SELECT a FROM avg_sales)

-- catalog_returns catalog_sales date_dim ->
SELECT count(DISTINCT cs_order_number) FROM catalog_sales cs1, date_dim WHERE EXISTS (SELECT * FROM catalog_sales cs2 WHERE cs1.cs_order_number = cs2.cs_order_number AND cs1.cs_warehouse_sk <> cs2.cs_warehouse_sk) AND NOT EXISTS (SELECT * FROM catalog_returns cr1 WHERE cs1.cs_order_number = cr1.cr_order_number)

-- catalog_sales customer date_dim item store_sales ->
WITH frequent AS (SELECT i_item_sk AS item_sk FROM store_sales, date_dim, item WHERE ss_item_sk = i_item_sk GROUP BY i_item_sk HAVING count(*) > 4), max_sales AS (SELECT max(s) AS m FROM (SELECT c_customer_sk, sum(ss_quantity) AS s FROM store_sales, customer WHERE ss_customer_sk = c_customer_sk GROUP BY c_customer_sk) x), best AS (SELECT ss_customer_sk AS c FROM store_sales GROUP BY ss_customer_sk HAVING sum(ss_quantity) > (SELECT m FROM max_sales)) SELECT sum(cs_list_price) FROM catalog_sales, date_dim WHERE cs_item_sk IN (SELECT item_sk FROM frequent) AND cs_bill_customer_sk IN (SELECT c FROM best)

-- store_sales ->
SELECT * FROM (SELECT avg(ss_list_price) AS b1 FROM store_sales WHERE ss_quantity BETWEEN 0 AND 5) a, (SELECT avg(ss_list_price) AS b2 FROM store_sales WHERE ss_quantity BETWEEN 6 AND 10) b

-- customer_address date_dim store_sales web_sales ->
WITH ss AS (SELECT ca_county, d_qoy, sum(ss_ext_sales_price) AS s FROM store_sales, date_dim, customer_address GROUP BY ca_county, d_qoy), ws AS (SELECT ca_county, d_qoy, sum(ws_ext_sales_price) AS s FROM web_sales, date_dim, customer_address GROUP BY ca_county, d_qoy) SELECT ss1.ca_county FROM ss ss1, ss ss2, ws ws1 WHERE ss1.ca_county = ss2.ca_county AND ws1.ca_county = ss1.ca_county

-- date_dim inventory item warehouse ->
WITH inv AS (SELECT w_warehouse_sk, i_item_sk, d_moy, sd, mean FROM (SELECT w_warehouse_sk, i_item_sk, d_moy, stddev_samp(inv_quantity_on_hand) AS sd, avg(inv_quantity_on_hand) AS mean FROM inventory, item, warehouse, date_dim GROUP BY w_warehouse_sk, i_item_sk, d_moy) foo WHERE CASE mean WHEN 0 THEN 0 ELSE sd / mean END > 1) SELECT inv1.i_item_sk FROM inv inv1, inv inv2 WHERE inv1.i_item_sk = inv2.i_item_sk AND inv2.d_moy = inv1.d_moy + 1

-- item store_sales ->
SELECT asceding.rnk, i1.i_product_name FROM (SELECT * FROM (SELECT item_sk, rank() OVER (ORDER BY rank_col) AS rnk FROM (SELECT ss_item_sk AS item_sk, avg(ss_net_profit) AS rank_col FROM store_sales ss1 GROUP BY ss_item_sk HAVING avg(ss_net_profit) > 0.9 * (SELECT avg(ss_net_profit) FROM store_sales GROUP BY ss_store_sk)) v1) v11 WHERE rnk < 11) asceding, item i1 WHERE i1.i_item_sk = asceding.item_sk

-- catalog_sales date_dim item ->
WITH v1 AS (SELECT i_category, d_year, sum(cs_sales_price) AS s, avg(sum(cs_sales_price)) OVER (PARTITION BY i_category, d_year) AS a, rank() OVER (PARTITION BY i_category ORDER BY d_year) AS rn FROM item, catalog_sales, date_dim GROUP BY i_category, d_year), v2 AS (SELECT v1.i_category, v1.s, v1_lag.s AS psum FROM v1, v1 v1_lag WHERE v1.rn = v1_lag.rn + 1) SELECT * FROM v2 WHERE psum > 0

-- date_dim store_sales web_sales ->
WITH web AS (SELECT ws_item_sk AS i, d_date, sum(sum(ws_sales_price)) OVER (PARTITION BY ws_item_sk ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS c FROM web_sales, date_dim GROUP BY ws_item_sk, d_date), st AS (SELECT ss_item_sk AS i, d_date, sum(sum(ss_sales_price)) OVER (PARTITION BY ss_item_sk ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS c FROM store_sales, date_dim GROUP BY ss_item_sk, d_date) SELECT * FROM (SELECT web.i AS item_sk, st.c AS sc FROM web FULL OUTER JOIN st ON web.i = st.i AND web.d_date = st.d_date) x WHERE sc > 0

-- catalog_returns catalog_sales customer customer_address date_dim item store store_returns store_sales ->
WITH cs_ui AS (SELECT cs_item_sk FROM catalog_sales, catalog_returns WHERE cs_item_sk = cr_item_sk GROUP BY cs_item_sk), cross_sales AS (SELECT i_item_sk, d1.d_year AS y FROM store_sales, store_returns, cs_ui, date_dim d1, date_dim d2, store, customer, customer_address ad1, customer_address ad2, item WHERE ss_item_sk = cs_ui.cs_item_sk GROUP BY i_item_sk, d1.d_year) SELECT cs1.i_item_sk FROM cross_sales cs1, cross_sales cs2 WHERE cs1.i_item_sk = cs2.i_item_sk AND cs1.y = 1999

-- date_dim item store store_sales ->
SELECT * FROM (SELECT i_category, s_store_id, sumsales, rank() OVER (PARTITION BY i_category ORDER BY sumsales DESC) AS rk FROM (SELECT i_category, s_store_id, sum(coalesce(ss_sales_price * ss_quantity, 0)) AS sumsales FROM store_sales, date_dim, store, item GROUP BY ROLLUP (i_category, s_store_id)) dw1) dw2 WHERE rk <= 100

-- catalog_returns catalog_sales date_dim item ->
SELECT d_year, i_brand_id, cs_quantity - coalesce(cr_return_quantity, 0) AS cnt FROM catalog_sales JOIN item ON i_item_sk = cs_item_sk JOIN date_dim ON d_date_sk = cs_sold_date_sk LEFT JOIN catalog_returns ON (cs_order_number = cr_order_number AND cs_item_sk = cr_item_sk)

-- date_dim web_returns web_sales web_site ->
WITH ws_wh AS (SELECT ws1.ws_order_number FROM web_sales ws1, web_sales ws2 WHERE ws1.ws_order_number = ws2.ws_order_number AND ws1.ws_warehouse_sk <> ws2.ws_warehouse_sk) SELECT count(DISTINCT ws_order_number) FROM web_sales ws1, date_dim, web_site WHERE ws1.ws_order_number IN (SELECT ws_order_number FROM ws_wh) AND ws1.ws_order_number IN (SELECT wr_order_number FROM web_returns, ws_wh WHERE wr_order_number = ws_wh.ws_order_number)

-- catalog_sales date_dim store_sales ->
WITH ssci AS (SELECT ss_customer_sk AS c, ss_item_sk AS i FROM store_sales, date_dim WHERE ss_sold_date_sk = d_date_sk GROUP BY ss_customer_sk, ss_item_sk), csci AS (SELECT cs_bill_customer_sk AS c, cs_item_sk AS i FROM catalog_sales, date_dim WHERE cs_sold_date_sk = d_date_sk GROUP BY cs_bill_customer_sk, cs_item_sk) SELECT sum(CASE WHEN ssci.c IS NOT NULL AND csci.c IS NULL THEN 1 ELSE 0 END) FROM ssci FULL OUTER JOIN csci ON (ssci.c = csci.c AND ssci.i = csci.i)

-- customer date_dim store_sales web_sales ->
SELECT count(*) FROM (SELECT c_last_name, d_date FROM store_sales, date_dim, customer WHERE ss_customer_sk = c_customer_sk EXCEPT SELECT c_last_name, d_date FROM web_sales, date_dim, customer WHERE ws_bill_customer_sk = c_customer_sk) cool_cust

-- catalog_sales date_dim store_sales web_sales ->
SELECT channel, count(*) FROM (SELECT 'store' AS channel, d_year FROM store_sales, date_dim WHERE ss_store_sk IS NULL UNION ALL SELECT 'web', d_year FROM web_sales, date_dim WHERE ws_ship_customer_sk IS NULL UNION ALL SELECT 'catalog', d_year FROM catalog_sales, date_dim WHERE cs_ship_addr_sk IS NULL) foo GROUP BY channel

-- household_demographics store store_sales time_dim ->
SELECT * FROM (SELECT count(*) AS h8 FROM store_sales, household_demographics, time_dim, store WHERE ss_sold_time_sk = t_time_sk AND t_hour = 8) s1 CROSS JOIN (SELECT count(*) AS h9 FROM store_sales, household_demographics, time_dim, store WHERE t_hour = 9) s2
