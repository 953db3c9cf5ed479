-- A row per city: how cold the night was, how far the day swung.
SELECT
  city,
  day,
  COUNT(*) AS readings,
  ROUND(MIN(temp_c), 2) AS coldest_c,
  ROUND(AVG(temp_c), 2) AS mean_c,
  ROUND(MAX(temp_c), 2) AS warmest_c,
  ROUND(MAX(temp_c) - MIN(temp_c), 2) AS swing_c
FROM 'data/work/hours.parquet'
GROUP BY city, day
ORDER BY city
