-- One row per metric: name, value, unit.
SELECT CONCAT('coldest hour, ', city) AS name, coldest_c AS value, '°C' AS unit FROM 'data/marts/day_summary.parquet'
UNION ALL
SELECT CONCAT('day swing, ', city) AS name, swing_c AS value, '°C' AS unit FROM 'data/marts/day_summary.parquet'
UNION ALL
SELECT 'readings' AS name, CAST(SUM(readings) AS DOUBLE) AS value, 'rows' AS unit FROM 'data/marts/day_summary.parquet'
ORDER BY name
