-- Thirty days that end on ${day}.
WITH days AS (
  SELECT DATE(date, '%Y/%m/%d') AS day, precipitation, temp_max, temp_min, wind, weather FROM 'data/raw/seattle_daily.csv'
)
SELECT
  day,
  precipitation AS rain_mm,
  temp_max AS warmest_c,
  temp_min AS coldest_c,
  wind AS wind_ms,
  weather
FROM days
WHERE day <= DATE('${day}') AND day > DATE('${day}') - INTERVAL '30 days'
ORDER BY day
