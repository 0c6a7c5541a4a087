#!/bin/bash
# Ends the demo that config/demo/up.sh started. Nothing running is fine. Logs stay under .demo/ until the next start.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DEMO=${DEMO:-$(cd "$HERE/../.." && pwd)/.demo}

# shellcheck source=config/demo/slapd.sh
. "$HERE/slapd.sh"

[[ -d $DEMO ]] || exit 0
rm -f "$DEMO/env"
if [[ -f $DEMO/bailey.program ]]; then
  end_program "$DEMO/bailey.pid" "$(cat "$DEMO/bailey.program")"
fi
slapd_stop "$DEMO/slapd"
