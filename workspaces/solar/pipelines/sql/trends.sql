-- Devices whose output falls a little every day: the slope of their share of the site's median, by least squares.
-- Clouds lie over a whole site, so the share of its median leaves the device alone.
WITH shares AS (
  SELECT d.device, d.site, d.energy_kwh / s.median_kwh AS share,
    CAST(CAST(d.day AS INTEGER) - 20758 AS DOUBLE) AS x
  FROM 'data/work/daily.parquet' AS d
  JOIN 'data/marts/sites.parquet' AS s ON d.site = s.site AND d.day = s.day
),
sums AS (
  SELECT device, FIRST(site) AS site, COUNT(*) AS n, SUM(x) AS sx, SUM(share) AS sy, SUM(x * share) AS sxy,
    SUM(x * x) AS sxx, AVG(share) AS mean_share
  FROM shares
  GROUP BY device
)
SELECT device, site, n AS days, ROUND(mean_share, 4) AS mean_share,
  ROUND(100 * (n * sxy - sx * sy) / (n * sxx - sx * sx) / mean_share, 3) AS percent_a_day
FROM sums
WHERE n >= 4 AND 100 * (n * sxy - sx * sy) / (n * sxx - sx * sx) / mean_share < ${falling_percent}
ORDER BY percent_a_day, device
