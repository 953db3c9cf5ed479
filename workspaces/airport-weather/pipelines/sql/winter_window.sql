-- Thirty days that end on ${day}.
SELECT
  date AS day,
  precipitation AS rain_mm,
  temp_max AS warmest_c,
  temp_min AS coldest_c,
  wind AS wind_ms,
  weather
FROM 'data/raw/seattle_daily.csv'
WHERE date <= DATE('${day}') AND date > DATE('${day}') - INTERVAL '30 days'
ORDER BY day
