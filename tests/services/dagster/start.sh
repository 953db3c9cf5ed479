#!/usr/bin/env bash
# start.sh [PORT] [HOME_DIR]: a Dagster webserver over defs.py, on 127.0.0.1, without the daemon. Last stdout line: JSON.
SVC=dagster
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../lib.sh"
need_tools
PORT="${1:-23300}"
HOME_DIR="${2:-$(svc_cache)/dagster-home}"
WAIT_S="${ANDON_START_TIMEOUT_S:-180}"
mkdir -p "$HOME_DIR/log" "$HOME_DIR/flags" "$HOME_DIR/dagster_home"; HOME_DIR="$(cd "$HOME_DIR" && pwd)"
ensure_venv dagster "$HERE/requirements.txt"
export DAGSTER_HOME="$HOME_DIR/dagster_home" ANDON_FLAG_DIR="$HOME_DIR/flags"
export DAGSTER_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1 PYTHONDONTWRITEBYTECODE=1
export PATH="$VENV/bin:$PATH" NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
[ -f "$DAGSTER_HOME/dagster.yaml" ] || cat >"$DAGSTER_HOME/dagster.yaml" <<'Y'
telemetry: {enabled: false}
run_coordinator:
  module: dagster.core.run_coordinator
  class: DefaultRunCoordinator
Y
cp "$HERE/defs.py" "$HOME_DIR/defs.py"
cd "$HOME_DIR"
if ! pid_alive "$HOME_DIR/web.pid"; then
  port_free "$PORT" || die "port $PORT is taken"
  launch web dagster-webserver -h 127.0.0.1 -p "$PORT" -f "$HOME_DIR/defs.py" --log-level warning
fi
deadline=$(( $(date +%s) + WAIT_S ))
until curl -sf -m 5 "http://127.0.0.1:$PORT/server_info" >/dev/null 2>&1; do
  pid_alive "$HOME_DIR/web.pid" || fail_start "the server died while starting" web
  [ "$(date +%s)" -lt "$deadline" ] || fail_start "the server did not answer within $WAIT_S s" web
  sleep 0.3
done
printf '{"base_url":"http://127.0.0.1:%s","flags":"%s","home":"%s"}\n' "$PORT" "$HOME_DIR/flags" "$HOME_DIR"
