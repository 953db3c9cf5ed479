#!/usr/bin/env bash
# Makes the history that comes with the samples by really running their pipelines over dated slices of the data:
#   workspaces/make_history.sh [ANDON]      default: the binary that cargo builds here
# Works on fresh copies in a temporary home and writes into workspaces/: .sample/history.ndjson and the files the
# pipelines leave behind. The time stamps are those of the runs, minutes apart; the days of the data stand beside them.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
andon=${1:-}
if [ -z "$andon" ]; then
  cargo build --locked --bin andon
  andon=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug/andon
fi
andon=$(realpath "$andon")
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export ANDON_HOME=$home TZ=UTC

# A run that fails on purpose ends with 1; anything else ends this script.
run() {
  local code=0
  "$andon" run "$@" </dev/null >/dev/null || code=$?
  [ "$code" -le 1 ] || { echo "andon run $* ended with $code" >&2; exit "$code"; }
  return 0
}

# A copy as it was before anything ran: what git knows, nothing the pipelines left.
copy() {
  local root
  root=$("$andon" sample copy --without-history "$1")
  git -C "$root" clean -qfdX
  echo "$root"
}

keep() { # sample, then what to take over from the copy
  local sample=$1 copy=$2
  shift 2
  "$andon" runs --workspace "$copy" --export "$here/$sample/.sample/history.ndjson"
  for path in "$@"; do
    rm -rf "${here:?}/$sample/$path"
    mkdir -p "$(dirname "$here/$sample/$path")"
    cp -R "$copy/$path" "$here/$sample/$path"
  done
}

sample=airport-weather
root=$(copy $sample)
cd "$root"
for n in $(seq 0 29); do
  day=$(date -u -d "2010-02-28 + $n days" +%F)
  echo "station_hours $day"
  run pipelines/station_hours.toml -p day="$day"
  day=$(date -u -d "2015-11-17 + $n days" +%F)
  echo "seattle_winter $day"
  run pipelines/seattle_winter.toml -p day="$day"
  # The airport list once a week: the first run asks and fails, the rerun finds it. The last one waits for a person.
  if [ $((n % 7)) = 1 ]; then
    echo "airport_list"
    run pipelines/airport_list.toml
    if [ "$n" != 29 ]; then
      "$andon" rerun airport_list --failed --wait </dev/null >/dev/null
    fi
  fi
done
for suite in checks/airport_places.toml checks/airport_list.toml; do
  "$andon" check "$suite" </dev/null >/dev/null || true
done
keep $sample "$root" data/work data/marts data/inbox

sample=solar
root=$(copy $sample)
cd "$root"
for seed in 1 2 3 4 5 6 7; do
  echo "fleet of 300, seed $seed"
  run pipelines/fleet.toml -p devices=300 -p seed="$seed"
done
run pipelines/fleet.toml -p devices=300 -p seed=1
keep $sample "$root" data
echo "Wrote the histories of both samples"
