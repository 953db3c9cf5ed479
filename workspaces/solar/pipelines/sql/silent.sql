-- Devices that reported and then stopped.
WITH last_words AS (
  SELECT device, FIRST(site) AS site, MAX(day) AS last_day FROM 'data/work/daily.parquet' GROUP BY device
),
fleet AS (
  SELECT MAX(day) AS newest FROM 'data/work/daily.parquet'
)
SELECT device, site, last_day FROM last_words CROSS JOIN fleet
WHERE last_day < newest
ORDER BY last_day, device
