-- Readings far above what the device gives on a good day.
WITH usual AS (
  SELECT device, QUANTILE_CONT(power_w, 0.9) AS good_w FROM 'data/work/messages.parquet' GROUP BY device
)
SELECT m.device, m.site, m.seq, m.measured_at, m.power_w, ROUND(m.power_w / u.good_w, 2) AS times_usual
FROM 'data/work/messages.parquet' AS m
JOIN usual AS u ON m.device = u.device
WHERE m.power_w > 2 * u.good_w
ORDER BY times_usual DESC, m.device
