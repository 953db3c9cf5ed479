-- Airports per state, the largest first.
SELECT state, COUNT(*) AS airports, ROUND(AVG(latitude), 3) AS mean_latitude
FROM 'data/raw/airports.csv'
GROUP BY state
ORDER BY airports DESC, state
