#!/usr/bin/env bash
# start.sh [PORT] [HOME_DIR]: an Airflow 3 server for integration tests, on 127.0.0.1. Last stdout line: JSON.
SVC=airflow
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../lib.sh"
need_tools
PORT="${1:-28080}"
HOME_DIR="${2:-$(svc_cache)/airflow-home}"
WAIT_S="${ANDON_START_TIMEOUT_S:-240}"
mkdir -p "$HOME_DIR/log"; HOME_DIR="$(cd "$HOME_DIR" && pwd)"
PARTS=(api-server scheduler dag-processor)

if pid_alive "$HOME_DIR/api-server.pid" && [ -f "$HOME_DIR/port" ]; then
  [ "$(cat "$HOME_DIR/port")" = "$PORT" ] || die "this home already runs on port $(cat "$HOME_DIR/port"); stop it first"
else
  port_free "$PORT" || die "port $PORT is taken"
fi
ensure_venv airflow "$HERE/requirements.txt"

# Users and secrets are made once per home; every role of the simple auth manager gets one user named after it.
if [ ! -f "$HOME_DIR/passwords.json" ]; then
  (umask 077; "$VENV/bin/python" - "$HOME_DIR" <<'PY'
import json, secrets, sys, pathlib
h = pathlib.Path(sys.argv[1])
(h / "jwt_secret").write_text(secrets.token_hex(64))
(h / "passwords.json").write_text(json.dumps({u: secrets.token_urlsafe(12) for u in ("admin", "op", "user", "viewer")}))
PY
  )
fi
export AIRFLOW_HOME="$HOME_DIR" PATH="$VENV/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
export AIRFLOW__CORE__DAGS_FOLDER="${ANDON_DAGS_DIR:-$HERE/dags}"
export AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__EXECUTOR=LocalExecutor
export AIRFLOW__CORE__PARALLELISM="${AIRFLOW__CORE__PARALLELISM:-3}"
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="${AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION:-False}"
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="admin:admin,op:op,user:user,viewer:viewer"
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$HOME_DIR/passwords.json"
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$PORT/execution/"
export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT="$PORT" AIRFLOW__API__BASE_URL="http://127.0.0.1:$PORT"
export AIRFLOW__API__WORKERS="${AIRFLOW__API__WORKERS:-1}"
AIRFLOW__API_AUTH__JWT_SECRET="$(cat "$HOME_DIR/jwt_secret")"; export AIRFLOW__API_AUTH__JWT_SECRET
export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL="${AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL:-10}"
export AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL="${AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL:-10}"
export AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL=2
export AIRFLOW__LOGGING__BASE_LOG_FOLDER="$HOME_DIR/logs"

if [ ! -f "$HOME_DIR/.migrated-$(basename "$VENV")" ]; then
  say "creating the database"
  timeout 180 airflow db migrate >"$HOME_DIR/log/migrate.log" 2>&1 || { tail -20 "$HOME_DIR/log/migrate.log" >&2; die "db migrate failed"; }
  touch "$HOME_DIR/.migrated-$(basename "$VENV")"
fi
printf '%s' "$PORT" >"$HOME_DIR/port"
BASE="http://127.0.0.1:$PORT"
# The scheduler waits for the API server: tasks report to it, and one launched too early is killed and marked failed.
launch api-server airflow api-server
deadline=$(( $(date +%s) + WAIT_S ))
until curl -sf -m 5 "$BASE/api/v2/monitor/health" >/dev/null 2>&1; do
  pid_alive "$HOME_DIR/api-server.pid" || fail_start "api-server died while starting" "${PARTS[@]}"
  [ "$(date +%s)" -lt "$deadline" ] || fail_start "api-server did not answer within $WAIT_S s" "${PARTS[@]}"
  sleep 0.5
done
launch dag-processor airflow dag-processor
launch scheduler airflow scheduler

want_dags="$(find "$AIRFLOW__CORE__DAGS_FOLDER" -maxdepth 1 -name '*.py' | wc -l)"
token=""; ok=""
while [ "$(date +%s)" -lt "$deadline" ]; do
  for c in "${PARTS[@]}"; do pid_alive "$HOME_DIR/$c.pid" || fail_start "$c died while starting" "${PARTS[@]}"; done
  if h="$(curl -sf -m 5 "$BASE/api/v2/monitor/health" 2>/dev/null)" &&
     "$VENV/bin/python" -c 'import json,sys; h=json.loads(sys.argv[1]); sys.exit(not all(h[k]["status"]=="healthy" for k in ("metadatabase","scheduler","dag_processor")))' "$h"; then
    if [ -z "$token" ]; then
      token="$("$VENV/bin/python" -c 'import json,sys; print(json.dumps({"username":"admin","password":json.load(open(sys.argv[1]))["admin"]}))' "$HOME_DIR/passwords.json" |
        curl -sf -m 5 -X POST "$BASE/auth/token" -H 'content-type: application/json' -d @- |
        "$VENV/bin/python" -c 'import json,sys; print(json.load(sys.stdin)["access_token"])' 2>/dev/null || true)"
    fi
    if [ -n "$token" ]; then
      n="$(curl -sf -m 5 "$BASE/api/v2/dags?limit=1" -H "authorization: Bearer $token" | "$VENV/bin/python" -c 'import json,sys; print(json.load(sys.stdin)["total_entries"])' 2>/dev/null || echo 0)"
      if [ "$n" -ge "$want_dags" ]; then ok=1; break; fi
    fi
  fi
  sleep 0.5
done
[ -n "$ok" ] || fail_start "not healthy after $WAIT_S s" "${PARTS[@]}"
"$VENV/bin/python" - "$BASE" "$HOME_DIR" <<'PY'
import json, sys, pathlib, importlib.metadata as m
base, home = sys.argv[1], pathlib.Path(sys.argv[2])
pw = json.loads((home / "passwords.json").read_text())
print(json.dumps({"service": "airflow", "version": m.version("apache-airflow-core"), "base_url": base, "api_url": base + "/api/v2",
                  "token_url": base + "/auth/token", "username": "admin", "password": pw["admin"], "users": pw, "home": str(home)}))
PY
