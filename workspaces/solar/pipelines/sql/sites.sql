-- One row per site and day.
SELECT site, day, COUNT(*) AS devices, ROUND(SUM(energy_kwh), 1) AS energy_kwh, ROUND(MEDIAN(energy_kwh), 2) AS median_kwh
FROM 'data/work/daily.parquet'
GROUP BY site, day
ORDER BY site, day
