#!/bin/sh
# Reports the metrics in a file of JSON lines ({"name": ..., "value": ..., "unit": ...}) to the run: a task's metric is a
# line of its output of the form {"andon.metric": {...}}.
set -eu
while IFS= read -r line || [ -n "$line" ]; do
  printf '{"andon.metric": %s}\n' "$line"
done < "$1"
