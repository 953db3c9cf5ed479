#!/bin/sh
# Takes the airport list from the inbox. The list comes from another team (here: the folder upstream/), which puts it
# into the inbox only when asked: so the first run of a day asks and fails, and a rerun finds the delivery.
set -eu
inbox=data/inbox/airports.csv
if [ ! -f "$inbox" ]; then
  mkdir -p data/inbox
  cp upstream/airports.csv "$inbox.part"
  mv "$inbox.part" "$inbox"
  echo "ERROR: $inbox had not been delivered when the run started" >&2
  echo "Asked for it; it is there now. Rerun this task." >&2
  exit 1
fi
mkdir -p data/raw
mv "$inbox" data/raw/airports.csv
rows=$(($(wc -l < data/raw/airports.csv) - 1))
echo "Took $rows airports from the inbox"
