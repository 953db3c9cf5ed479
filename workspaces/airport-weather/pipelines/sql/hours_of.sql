-- One city's readings of one day. The files are in degrees Fahrenheit, their times 2010/03/29 05:00 with or without seconds.
WITH readings AS (
  SELECT STRPTIME(LEFT(date, 16), '%Y/%m/%d %H:%M') AS at, temp FROM '${file}'
)
SELECT
  '${city}' AS city,
  CAST(at AS DATE) AS day,
  EXTRACT(HOUR FROM at) AS hour,
  temp AS temp_f,
  ROUND((temp - 32) * 5 / 9, 2) AS temp_c
FROM readings
WHERE CAST(at AS DATE) = DATE('${day}')
ORDER BY hour
