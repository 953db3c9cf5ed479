#!/usr/bin/env bash
# install.sh: makes the environment of start.sh; does nothing when it is there.
SVC=dagster
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../lib.sh"
need_tools
ensure_venv "$SVC" "$HERE/requirements.txt"
