-- Devices that reported and then stopped.
WITH last_words AS (
  SELECT device, FIRST(site) AS site, MAX(day) AS last_day, 1 AS fleet FROM 'data/work/daily.parquet' GROUP BY device
),
newest AS (
  SELECT MAX(day) AS newest_day, 1 AS fleet FROM 'data/work/daily.parquet'
)
SELECT l.device, l.site, l.last_day
FROM last_words AS l
JOIN newest AS n ON l.fleet = n.fleet
WHERE l.last_day < n.newest_day
ORDER BY last_day, device
