#!/usr/bin/env bash
# Time from process start to the first interactive frame of the sample workspace, resident memory with it open, and CPU at
# rest; software rendering under Xvfb:
#   benches/startup.sh [ANDON] [DISPLAY]     default: target/release/andon, :97
set -euo pipefail
cd "$(dirname "$0")/.."
andon=$(realpath "${1:-target/release/andon}")
display=${2:-:97}
home=$(mktemp -d)
Xvfb "$display" -screen 0 1440x900x24 -nolisten tcp >/dev/null 2>&1 &
xvfb=$!
app=
trap 'kill $app $xvfb 2>/dev/null || true; rm -rf "$home"' EXIT
for _ in $(seq 50); do
  [ -e "/tmp/.X11-unix/X${display#:}" ] && break
  sleep 0.1
done
export DISPLAY=$display LIBGL_ALWAYS_SOFTWARE=1 ANDON_HOME=$home TZ=UTC

# The first start copies the sample; the measured ones open it.
root=$("$andon" sample copy airport-weather 2>/dev/null)
for round in 1 2 3 4 5; do
  log=$home/log-$round
  begin=$(date +%s%3N)
  ANDON_LOG=andon=info "$andon" "$root" >/dev/null 2>"$log" &
  app=$!
  for _ in $(seq 400); do
    grep -q 'first interactive frame' "$log" && break
    sleep 0.02
  done
  line=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep 'first interactive frame' | head -1) || { echo "no first frame within 8 s:"; cat "$log"; exit 1; }
  frame=$(date -d "${line%% *}" +%s%3N)
  echo "first interactive frame after $((frame - begin)) ms"
  if [ "$round" = 5 ]; then
    sleep 3
    rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$app/status")
    ticks() { awk '{ print $14 + $15 }' "/proc/$app/stat"; }
    before=$(ticks)
    sleep 10
    after=$(ticks)
    awk -v rss="$rss" -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" \
      'BEGIN { printf "resident memory %.0f MB\nCPU at rest %.2f %%\n", rss / 1000, 100 * t / hz / 10 }'
  fi
  kill "$app"
  wait "$app" 2>/dev/null || true
  app=
done
