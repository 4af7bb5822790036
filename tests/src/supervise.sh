# supervise DIR: watches over servers that others start in folders below DIR.
# supervise DIR cluster BINDIR: makes a cluster in DIR with the programs of BINDIR and runs its server.
# supervise DIR program PROGRAM ARGUMENT...: runs another server in DIR.
# When standard input ends, which it does however our starter ends, every server in DIR is stopped and DIR removed.
# The word "keep" on standard input instead leaves everything as it is.
dir=$(cd "$1" && pwd -P) || exit 1
kind=$2
[ $# -gt 2 ] && shift 2
cd / || exit 1
# With it a Rust extension puts its stack into the DETAIL of errors.
unset RUST_BACKTRACE
exec 3<&0 </dev/null >>"$dir/log" 2>&1

case $kind in
cluster)
  (
    exec 3<&-
    "$1/initdb" --pgdata="$dir/data" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
      --auth-local=trust --auth-host=scram-sha-256 --no-sync --no-instructions &&
      cat "$dir/settings.conf" >>"$dir/data/postgresql.conf" &&
      "$1/postgres" -D "$dir/data"
    echo "$?" >"$dir/exited"
  ) &
  ;;
program)
  (
    exec 3<&-
    mkdir "$dir/run" && cd "$dir/run" && /bin/sh -c 'echo "$$" >server.pid && exec "$@"' sh "$@"
    echo "$?" >"$dir/exited"
  ) &
  ;;
esac

read -r word <&3
[ "$word" = keep ] && exit 0

# A pid file may outlive its server and its number be somebody else's by now: the working folder decides.
servers() {
  for file in "$dir"/*/postmaster.pid "$dir"/*/server.pid; do
    [ -r "$file" ] || continue
    read -r pid <"$file"
    case $pid in '' | *[!0-9]*) continue ;; esac
    [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "${file%/*}" ] && echo "$pid"
  done
}
starting() { [ -n "$kind" ] && [ ! -e "$dir/exited" ]; }

# Fast shutdown first; after ten seconds immediate shutdown, for a backend that does not listen. Other servers know
# SIGINT differently: PgBouncer would wait for its clients.
if [ "$kind" = program ]; then gentle=TERM; else gentle=INT; fi
tries=0
while pids=$(servers); [ -n "$pids" ] || starting; do
  tries=$((tries + 1))
  [ "$tries" -gt 600 ] && break
  if [ "$tries" -gt 200 ]; then signal=QUIT; else signal=$gentle; fi
  for pid in $pids; do kill -s "$signal" "$pid"; done
  sleep 0.05
done
rm -rf "$dir"
