-- One row per message, however often it was sent; copies counted.
SELECT
  device,
  seq,
  FIRST(site) AS site,
  FIRST(measured_at) AS measured_at,
  MIN(received_at) AS received_at,
  FIRST(power_w) AS power_w,
  FIRST(energy_wh) AS energy_wh,
  FIRST(panel_temp_c) AS panel_temp_c,
  COUNT(*) AS copies
FROM 'data/messages/*.parquet'
GROUP BY device, seq
ORDER BY device, seq
