-- One city's readings of one day. The files are in degrees Fahrenheit.
SELECT
  '${city}' AS city,
  CAST(date AS DATE) AS day,
  EXTRACT(HOUR FROM date) AS hour,
  temp AS temp_f,
  ROUND((temp - 32) * 5 / 9, 2) AS temp_c
FROM '${file}'
WHERE CAST(date AS DATE) = DATE('${day}')
ORDER BY hour
