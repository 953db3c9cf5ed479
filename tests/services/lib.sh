# Shared helpers for services/*/start.sh and stop.sh. Linux only (setsid, /proc, flock).
# shellcheck shell=bash
set -euo pipefail

say() { printf '[%s] %s\n' "${SVC:-service}" "$*" >&2; }
die() { say "ERROR: $*"; exit 1; }

svc_cache() { printf '%s' "${ANDON_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/andon-ci/services}"; }

need_tools() {
  local t
  for t in setsid flock curl sha256sum; do command -v "$t" >/dev/null || die "missing tool: $t"; done
  PY="${PYTHON:-python3}"
  command -v "$PY" >/dev/null || die "no $PY (set PYTHON=...)"
  "$PY" -c 'import sys; sys.exit(not ((3,11) <= sys.version_info[:2] <= (3,12)))' ||
    die "$PY must be Python 3.11 (tested) or 3.12, is $("$PY" -V 2>&1)"
}

# ensure_venv NAME REQUIREMENTS -> sets VENV. One venv per lock-file hash, shared by all homes, built under a lock.
ensure_venv() {
  local name="$1" req="$2" root tag
  root="$(svc_cache)"; mkdir -p "$root"
  tag="$( { cat "$req"; "$PY" -c 'import sys; print(sys.executable, sys.version)'; } | sha256sum | cut -c1-12)"
  VENV="$root/$name-$tag"
  [ -f "$VENV/.ready" ] && return 0
  exec 9>"$root/$name-$tag.lock"
  flock -w 900 9 || die "another install of $name holds the lock"
  if [ ! -f "$VENV/.ready" ]; then
    say "installing into $VENV (first use; log: $VENV.install.log)"
    rm -rf "$VENV"
    "$PY" -m venv "$VENV" >"$VENV.install.log" 2>&1 || { tail -20 "$VENV.install.log" >&2; die "venv creation failed (is python3-venv installed?)"; }
    if ! timeout 900 "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps --only-binary :all: -r "$req" >>"$VENV.install.log" 2>&1 &&
       ! timeout 900 "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps -r "$req" >>"$VENV.install.log" 2>&1; then
      tail -30 "$VENV.install.log" >&2; die "pip install failed"
    fi
    touch "$VENV/.ready"
  fi
  flock -u 9; exec 9>&-
}

# A pid file holds "PID STARTTIME": the start time keeps a reused PID from being taken for ours.
pid_start() { # field 22 of /proc/PID/stat, after the parenthesised command; nothing for a zombie (some inits never reap)
  local s; s="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
  s="${s##*) }"; set -- $s; [ "$1" != Z ] || return 1; printf '%s' "${20}"
}
pid_alive() { # PIDFILE
  local p st; [ -f "$1" ] || return 1
  read -r p st <"$1" || return 1
  [ -n "$st" ] && [ "$(pid_start "$p" 2>/dev/null || true)" = "$st" ]
}
# launch NAME CMD...: own session (so a whole process group can be ended), stdout+stderr to HOME_DIR/log/NAME.log
launch() {
  local name="$1"; shift
  if pid_alive "$HOME_DIR/$name.pid"; then say "$name already running"; return 0; fi
  mkdir -p "$HOME_DIR/log"
  setsid nohup "$@" >>"$HOME_DIR/log/$name.log" 2>&1 </dev/null 9>&- &
  local p=$! i st=""
  for i in 1 2 3 4 5 6 7 8 9 10; do st="$(pid_start "$p" 2>/dev/null || true)"; [ -n "$st" ] && break; sleep 0.1; done
  [ -n "$st" ] || die "$name ended at once; see $HOME_DIR/log/$name.log"
  printf '%s %s\n' "$p" "$st" >"$HOME_DIR/$name.pid"
}
# stop_pids HOME_DIR NAME...: TERM to each process group (in the order given), bounded wait, then KILL.
stop_pids() {
  local home="$1" n p st i rc=0; shift
  for n in "$@"; do
    [ -f "$home/$n.pid" ] || continue
    if pid_alive "$home/$n.pid"; then read -r p st <"$home/$n.pid"; kill -TERM -- "-$p" 2>/dev/null || true; fi
  done
  for n in "$@"; do
    [ -f "$home/$n.pid" ] || continue
    read -r p st <"$home/$n.pid"
    if pid_alive "$home/$n.pid"; then
      for i in $(seq 1 $(( ${ANDON_STOP_GRACE_S:-5} * 4 ))); do pid_alive "$home/$n.pid" || break; sleep 0.25; done
    fi
    if pid_alive "$home/$n.pid"; then say "$n did not stop in time: KILL"; kill -KILL -- "-$p" 2>/dev/null || true; sleep 0.3; fi
    # children may outlive the leader but keep its process group
    if ! pid_alive "$home/$n.pid" && kill -0 -- "-$p" 2>/dev/null; then kill -KILL -- "-$p" 2>/dev/null || true; fi
    if pid_alive "$home/$n.pid"; then say "$n (pid $p) is still alive"; rc=1; else rm -f "$home/$n.pid"; fi
  done
  return $rc
}
port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
fail_start() { # MESSAGE NAME...: show logs, end what was started
  local msg="$1" n; shift
  for n in "$@"; do [ -f "$HOME_DIR/log/$n.log" ] && { say "--- last lines of $n.log"; tail -15 "$HOME_DIR/log/$n.log" >&2; }; done
  stop_pids "$HOME_DIR" "$@" || true
  die "$msg"
}
