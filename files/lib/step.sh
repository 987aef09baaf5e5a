# What every step starts with: options, inputs, progress and failures.
# shellcheck shell=bash
set -eEuo pipefail
# shellcheck source=files/platform/debian12.sh
. "$SMT_HA/platform.sh"

# option NAME [DEFAULT]: the value given as --NAME; without a default the option is required.
option() {
  if [ -f "$STEP_DIR/options/$1" ]; then
    cat "$STEP_DIR/options/$1"
  elif [ $# -ge 2 ]; then
    printf '%s' "$2"
  else
    fail "option --$1 is missing" "run the step as the program does: pulumi preview --diff shows its command"
  fi
}

# input NAME: the path of the text given on standard input as section NAME (root only, gone when the step ends).
input() {
  [ -f "$STEP_DIR/inputs/$1" ] || fail "section '@@ $1' is missing on standard input" "run the step through the program"
  printf '%s' "$STEP_DIR/inputs/$1"
}

has_input() { [ -f "$STEP_DIR/inputs/$1" ]; }

# result < TEXT: what the step tells the program, as its standard output, if it succeeds. Kept in plain text: never a secret.
result() { cat >"$STEP_DIR/result"; }

# say TEXT: a line of progress, for the person who watches.
say() { tell "$(uname -n): $STEP: $1"; }

# tell TEXT: to the person who watches and to the log; not to stdout, which can be what a $(...) takes in. Not by
# /dev/fd/3: sshd can give a socket as stderr, and that can't be opened by name.
tell() { printf '%s\n' "$1" | tee -a "$STEP_LOG" >&3; }

# fail CAUSE CURE: ends the step with an error that names node, step, cause and the next thing to do.
fail() {
  trap - ERR
  # Told once, by the innermost shell that knows the cause.
  if ! [ -e "$STEP_DIR/failed" ]; then
    touch "$STEP_DIR/failed"
    tell "smt-ha: $(uname -n): step $STEP failed
  cause: $1
  next:  $2
  log:   $STEP_LOG on $(uname -n)"
  fi
  # A failure inside $(...) must end the step as well, not only the subshell.
  kill -s TERM $$ 2>/dev/null
  exit 1
}

# An unforeseen failure shows the command as written (never expanded: it may hold a secret) and the log's end.
unforeseen() {
  trap - ERR
  fail "line $2: '$3' ended with exit code $1; last lines of the log:
$(sed -n '/^== /h; /^== /!H; $ { g; p; }' "$STEP_LOG" | tail -n 12 | sed 's/^/         | /')" "mend what the log says, then run 'pulumi up' again: it goes on from here"
}
trap 'unforeseen $? $LINENO "$BASH_COMMAND"' ERR
trap 'exit 1' TERM

# retry SECONDS COMMAND...: until it succeeds; the exit code of the last try when time is up.
retry() {
  local deadline=$((SECONDS + $1)) code
  shift
  while :; do
    code=0
    "$@" || code=$?
    [ $code -ne 0 ] || return 0
    [ $SECONDS -lt $deadline ] || return $code
    sleep 1
  done
}

# within SECONDS COMMAND...: ends a command that takes longer. SLES 11 has no "timeout".
within() { perl -e 'alarm shift; exec @ARGV or exit 127' "$@"; }

# install_file MODE FILE [OWNER:GROUP] < TEXT: writes FILE at once and whole, if it differs.
install_file() {
  local new
  new=$(mktemp "$2.XXXXXX")
  cat >"$new"
  chmod "$1" "$new"
  chown "${3:-root:root}" "$new"
  if [ -f "$2" ] && cmp -s "$new" "$2" && [ "$(stat -c %a:%u:%g "$2")" = "$(stat -c %a:%u:%g "$new")" ]; then
    rm -f "$new"
  else
    mv -f "$new" "$2"
    # Noted in a file, since this often runs at the end of a pipe, in a shell of its own.
    echo "$2" >>"$STEP_DIR/wrote"
    say "wrote $2"
  fi
}

# wrote FILE: whether install_file has changed FILE in this run.
wrote() { grep -qxF "$1" "$STEP_DIR/wrote" 2>/dev/null; }
