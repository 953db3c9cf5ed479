#!/bin/sh
# Builds Andon and puts the program, its manual page, icon and desktop entry below a prefix.
#   dist/install.sh [PREFIX]        default: ~/.local
#   dist/install.sh --remove [PREFIX]
set -eu
cd "$(dirname "$0")/.."
remove=no
if [ "${1:-}" = --remove ]; then
  remove=yes
  shift
fi
prefix=${1:-$HOME/.local}
bin=$prefix/bin/andon
man=$prefix/share/man/man1/andon.1
icon=$prefix/share/icons/hicolor/scalable/apps/andon.svg
entry=$prefix/share/applications/andon.desktop

if [ "$remove" = yes ]; then
  rm -f "$bin" "$man" "$icon" "$entry"
  echo "Removed Andon from $prefix; your workspaces and settings stay"
  exit 0
fi

cargo build --locked --profile dist --bin andon
target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
install -D -m 755 "$target/dist/andon" "$bin"
mkdir -p "$(dirname "$man")"
"$bin" man > "$man"
install -D -m 644 dist/andon.svg "$icon"
install -D -m 644 dist/andon.desktop "$entry"
echo "Installed $bin"
case ":$PATH:" in
  *":$prefix/bin:"*) ;;
  *) echo "Add $prefix/bin to your PATH to start it as andon" ;;
esac
