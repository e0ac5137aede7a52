#!/bin/sh
# Chromium and Redis for the tests, from Debian's packages. Where they cannot be installed,
# the tests that need them are skipped and say so.
set -eu

missing=""
for tool in chromium redis-server; do
  command -v "$tool" > /dev/null || missing="$missing $tool"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get > /dev/null; then
  echo "Not here, so tests that need it will be skipped:$missing"
  exit 0
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
# shellcheck disable=SC2086 - one word per package
if ! { $as_root apt-get update -qq \
  && $as_root apt-get install -y -qq --no-install-recommends $missing > /dev/null; }; then
  echo "Could not be installed, so tests that need it will be skipped:$missing"
fi
