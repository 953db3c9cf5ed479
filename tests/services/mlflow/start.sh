#!/usr/bin/env bash
# start.sh [PORT] [HOME_DIR]: an MLflow tracking server for tests, on 127.0.0.1, with a few runs. Last stdout line: JSON.
SVC=mlflow
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../lib.sh"
need_tools
PORT="${1:-25500}"
HOME_DIR="${2:-$(svc_cache)/mlflow-home}"
WAIT_S="${ANDON_START_TIMEOUT_S:-120}"
mkdir -p "$HOME_DIR/log" "$HOME_DIR/artifacts"; HOME_DIR="$(cd "$HOME_DIR" && pwd)"
ensure_venv mlflow "$HERE/requirements.txt"
# Its job runner is eight processes of 230 MB each, which nothing here needs.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
export PATH="$VENV/bin:$PATH" NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost PYTHONDONTWRITEBYTECODE=1
cd "$HOME_DIR"
if ! pid_alive "$HOME_DIR/web.pid"; then
  port_free "$PORT" || die "port $PORT is taken"
  launch web mlflow server --host 127.0.0.1 --port "$PORT" --workers 1 --backend-store-uri "sqlite:///$HOME_DIR/mlflow.db" \
    --serve-artifacts --artifacts-destination "$HOME_DIR/artifacts"
fi
deadline=$(( $(date +%s) + WAIT_S ))
until curl -sf -m 5 "http://127.0.0.1:$PORT/health" >/dev/null 2>&1; do
  pid_alive "$HOME_DIR/web.pid" || fail_start "the server died while starting" web
  [ "$(date +%s)" -lt "$deadline" ] || fail_start "the server did not answer within $WAIT_S s" web
  sleep 0.3
done
if [ ! -f "$HOME_DIR/seed.json" ]; then
  MLFLOW_TRACKING_URI="http://127.0.0.1:$PORT" timeout 180 python "$HERE/seed.py" "$HOME_DIR/seed.json.new" >"$HOME_DIR/log/seed.log" 2>&1 ||
    { tail -20 "$HOME_DIR/log/seed.log" >&2; fail_start "its runs could not be made" web; }
  mv "$HOME_DIR/seed.json.new" "$HOME_DIR/seed.json"
fi
printf '{"base_url":"http://127.0.0.1:%s","home":"%s","seed":%s}\n' "$PORT" "$HOME_DIR" "$(cat "$HOME_DIR/seed.json")"
