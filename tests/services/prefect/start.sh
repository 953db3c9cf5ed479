#!/usr/bin/env bash
# start.sh [PORT] [HOME_DIR]: a Prefect 3 server plus a runner serving the fixture flows, on 127.0.0.1. Last stdout line: JSON.
# ANDON_PREFECT_AUTH=user:pass turns on basic auth. ANDON_PREFECT_UI=true serves the web UI too.
SVC=prefect
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../lib.sh"
need_tools
PORT="${1:-24200}"
HOME_DIR="${2:-$(svc_cache)/prefect-home}"
WAIT_S="${ANDON_START_TIMEOUT_S:-180}"
mkdir -p "$HOME_DIR/log"; HOME_DIR="$(cd "$HOME_DIR" && pwd)"
PARTS=(server runner)

if pid_alive "$HOME_DIR/server.pid" && [ -f "$HOME_DIR/port" ]; then
  [ "$(cat "$HOME_DIR/port")" = "$PORT" ] || die "this home already runs on port $(cat "$HOME_DIR/port"); stop it first"
else
  port_free "$PORT" || die "port $PORT is taken"
fi
ensure_venv prefect "$HERE/requirements.txt"

BASE="http://127.0.0.1:$PORT"
export PREFECT_HOME="$HOME_DIR" PREFECT_API_URL="$BASE/api" PYTHONDONTWRITEBYTECODE=1 PATH="$VENV/bin:$PATH"
export PREFECT_API_DATABASE_CONNECTION_URL="sqlite+aiosqlite:///$HOME_DIR/prefect.db"
export PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
export PREFECT_SERVER_UI_ENABLED="${ANDON_PREFECT_UI:-false}"
export PREFECT_RESULTS_LOCAL_STORAGE_PATH="$HOME_DIR/storage"
export PREFECT_RUNNER_POLL_FREQUENCY="${PREFECT_RUNNER_POLL_FREQUENCY:-2}"
export ANDON_FIXTURE_STATE="$HOME_DIR"
auth=()
if [ -n "${ANDON_PREFECT_AUTH:-}" ]; then
  export PREFECT_SERVER_API_AUTH_STRING="$ANDON_PREFECT_AUTH" PREFECT_API_AUTH_STRING="$ANDON_PREFECT_AUTH"
  auth=(-u "$ANDON_PREFECT_AUTH")
fi
printf '%s' "$PORT" >"$HOME_DIR/port"
launch server prefect server start --host 127.0.0.1 --port "$PORT"
deadline=$(( $(date +%s) + WAIT_S )); ok=""
while [ "$(date +%s)" -lt "$deadline" ]; do
  pid_alive "$HOME_DIR/server.pid" || fail_start "the server died while starting" "${PARTS[@]}"
  curl -sf -m 5 "${auth[@]}" "$BASE/api/health" >/dev/null 2>&1 && { ok=1; break; }
  sleep 0.5
done
[ -n "$ok" ] || fail_start "the server was not healthy after $WAIT_S s" "${PARTS[@]}"
cd "$HERE/flows"
launch runner "$VENV/bin/python" serve.py
want="${ANDON_PREFECT_DEPLOYMENTS:-6}"; ok=""
while [ "$(date +%s)" -lt "$deadline" ]; do
  pid_alive "$HOME_DIR/runner.pid" || fail_start "the runner died while starting" "${PARTS[@]}"
  n="$(curl -sf -m 5 "${auth[@]}" -X POST "$BASE/api/deployments/count" -H 'content-type: application/json' \
      -d '{"deployments":{"name":{"any_":["fixture"]},"tags":{"all_":["andon"]}}}' 2>/dev/null || echo 0)"
  [ "$n" -ge "$want" ] && { ok=1; break; }
  sleep 0.5
done
[ -n "$ok" ] || fail_start "deployments missing after $WAIT_S s" "${PARTS[@]}"
"$VENV/bin/python" - "$BASE" "$HOME_DIR" <<'PY'
import json, os, sys, importlib.metadata as m
base, home = sys.argv[1:]
u, _, p = os.environ.get("ANDON_PREFECT_AUTH", "").partition(":")
print(json.dumps({"service": "prefect", "version": m.version("prefect"), "base_url": base, "api_url": base + "/api",
                  "username": u or None, "password": p or None, "home": home}))
PY
