-- One row per device and day: the energy counter at its end.
SELECT
  device,
  FIRST(site) AS site,
  CAST(measured_at AS DATE) AS day,
  COUNT(*) AS messages,
  MAX(energy_wh) / 1000 AS energy_kwh,
  MAX(power_w) AS peak_w
FROM 'data/work/messages.parquet'
GROUP BY device, CAST(measured_at AS DATE)
ORDER BY device, day
