SELECT 'airports' AS name, CAST(SUM(airports) AS DOUBLE) AS value, 'rows' AS unit FROM 'data/marts/airports_by_state.parquet'
UNION ALL
SELECT 'states' AS name, CAST(COUNT(*) AS DOUBLE) AS value, 'rows' AS unit FROM 'data/marts/airports_by_state.parquet'
ORDER BY name
