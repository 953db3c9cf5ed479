#!/usr/bin/env bash
# stop.sh [HOME_DIR]: ends only the processes named by the pid files in HOME_DIR.
SVC=prefect
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../lib.sh"
HOME_DIR="${1:-$(svc_cache)/prefect-home}"
[ -d "$HOME_DIR" ] || { say "no such home: nothing to stop"; exit 0; }
stop_pids "$HOME_DIR" runner server && say stopped
