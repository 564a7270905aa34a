# What the scripts share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "$1"; [ $# -lt 2 ] || warn "  $2"; exit 1; }

# A loopback port that nobody listens on.
free_port() { node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }

port_is_free() { node -e 'const s=require("net").createServer();s.once("error",()=>process.exit(1));s.listen(+process.argv[1],"127.0.0.1",()=>s.close())' "$1"; }

# answers <url>: whether it says 2xx now.
answers() { node -e 'fetch(process.argv[1]).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))' "$1"; }

# until_ready <url> <pid> <seconds>: waits until the url answers; fails when the process is gone or time is up.
until_ready() {
  local deadline=$((SECONDS + $3))
  until answers "$1"; do
    kill -0 "$2" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

# build_ui: `ui/build`, made again only when a source of it changed.
build_ui() {
  local built=ui/build/.built
  if [ ! -f ui/node_modules/.package-lock.json ] || [ ui/package-lock.json -nt ui/node_modules/.package-lock.json ]; then
    say 'Fetching the UI'"'"'s packages …'
    npm --prefix ui ci --no-audit --no-fund --loglevel=error
    touch ui/node_modules/.package-lock.json
  fi
  if [ ! -f "$built" ] || [ -n "$(find ui/src ui/static ui/*.json ui/*.js ui/*.ts shared/words -newer "$built" -print -quit)" ]; then
    say 'Building the UI …'
    npm --prefix ui run --silent build >"${TMPDIR:-/tmp}/omniot-ui-build.$$" 2>&1 || { cat "${TMPDIR:-/tmp}/omniot-ui-build.$$" >&2; rm -f "${TMPDIR:-/tmp}/omniot-ui-build.$$"; die 'The UI could not be built; the reason stands above.'; }
    rm -f "${TMPDIR:-/tmp}/omniot-ui-build.$$"
    touch "$built"
  fi
}
