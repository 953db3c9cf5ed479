SELECT 'messages' AS name, CAST(COUNT(*) AS DOUBLE) AS value, 'rows' AS unit FROM 'data/work/messages.parquet'
UNION ALL
SELECT 'copies a message' AS name, AVG(CAST(copies AS DOUBLE)) AS value, 'copies' AS unit FROM 'data/work/messages.parquet'
UNION ALL
SELECT 'energy' AS name, ROUND(SUM(energy_kwh) / 1000, 3) AS value, 'MWh' AS unit FROM 'data/marts/sites.parquet'
UNION ALL
SELECT 'falling devices' AS name, CAST(COUNT(*) AS DOUBLE) AS value, 'devices' AS unit FROM 'data/marts/trends.parquet'
UNION ALL
SELECT 'spikes' AS name, CAST(COUNT(*) AS DOUBLE) AS value, 'rows' AS unit FROM 'data/marts/spikes.parquet'
UNION ALL
SELECT 'silent devices' AS name, CAST(COUNT(*) AS DOUBLE) AS value, 'devices' AS unit FROM 'data/marts/silent.parquet'
ORDER BY name
