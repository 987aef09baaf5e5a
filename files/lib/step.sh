# What every step starts with: options, inputs, progress and failures.
# shellcheck shell=bash
set -eEuo pipefail
# Not followed: each platform's file is checked by itself, and from every step that takes longer than all the rest.
# shellcheck source=/dev/null
. "$SMT_HA/platform.sh"
yield_to_services

# option NAME [DEFAULT]: the value given as --NAME; without a default the option is required.
option() {
  local value
  if [ -f "$STEP_DIR/options/$1" ]; then
    # No process: read fails at the end of the file, which is where the value ends.
    IFS= read -r -d '' value <"$STEP_DIR/options/$1" || true
    printf '%s' "$value"
  elif [ $# -ge 2 ]; then
    printf '%s' "$2"
  else
    fail "option --$1 is missing" "run the step as the program does: pulumi preview --diff shows its command"
  fi
}

# input NAME: the path of section NAME of standard input. Only root can read it, and it is removed when the step ends.
input() {
  [ -f "$STEP_DIR/inputs/$1" ] || fail "section '@@ $1' is missing on standard input" "run the step through the program"
  printf '%s' "$STEP_DIR/inputs/$1"
}

has_input() { [ -f "$STEP_DIR/inputs/$1" ]; }

# result < TEXT: the step's result for the program, printed to standard output if the step succeeds. Pulumi stores it as
# plain text, so it must hold no secret.
result() { cat >"$STEP_DIR/result"; }

# say TEXT: a line of progress.
say() {
  local node
  # As "uname -n" prints it.
  read -r node </proc/sys/kernel/hostname
  report "$node: $STEP: $1"
}

# report TEXT: to the runner's stderr and to the log. Not to stdout, because $(...) would capture it.
report() {
  printf '%s\n' "$1" >&3
  printf '%s\n' "$1" >>"$STEP_LOG"
}

# fail CAUSE FIX: ends the step with an error that names node, step, cause, fix and log.
fail() {
  trap - ERR
  # Reported once, by the innermost shell, which knows the cause.
  if ! [ -e "$STEP_DIR/failed" ]; then
    touch "$STEP_DIR/failed"
    report "smt-ha: $(uname -n): step $STEP failed
  cause: $1
  fix:   $2
  log:   $STEP_LOG on $(uname -n)"
  fi
  # A failure inside $(...) must end the step as well, not only the subshell.
  kill -s TERM $$ 2>/dev/null
  exit 1
}

# An unexpected failure shows the command as written (never expanded: it may hold a secret) and the log's end.
unexpected() {
  trap - ERR
  fail "line $2: '$3' ended with exit code $1; last lines of the log:
$(sed -n '/^== /h; /^== /!H; $ { g; p; }' "$STEP_LOG" | tail -n 12 | sed 's/^/         | /')" \
    "remove the cause that the log shows, then ${AGAIN-run 'pulumi up' again: it continues here}"
}
trap 'unexpected $? $LINENO "$BASH_COMMAND"' ERR
trap 'exit 1' TERM

# retry SECONDS COMMAND...: repeats it until it succeeds; after SECONDS, the exit code of the last try. By the time since the
# boot: the clock, which bash's own SECONDS follow, may be set meanwhile (node/time).
retry() {
  local uptime deadline code
  read -r uptime _ </proc/uptime
  deadline=$((${uptime%.*} + $1))
  shift
  while :; do
    code=0
    "$@" || code=$?
    [ $code -ne 0 ] || return 0
    read -r uptime _ </proc/uptime
    [ "${uptime%.*}" -lt $deadline ] || return $code
    sleep 1
  done
}

# within SECONDS COMMAND...: ends a command that takes longer. SLES 11 has no "timeout".
within() { perl -e 'alarm shift; exec @ARGV or exit 127' "$@"; }

# exclusively NAME COMMAND...: runs a command while no other step on this node runs one under the same NAME. Use it for
# what steps of several lanes change: a file to which each adds its own lines, or an index of services.
exclusively() {
  local name=$1
  shift
  (
    flock -w 900 9 || fail "another step has held the lock $name for 15 minutes" \
      "wait until it ends, or end it (ps -ef | grep smt-ha), then run 'pulumi up' again"
    # The command doesn't inherit the lock: a daemon that it starts would keep it.
    "$@" 9>&-
  ) 9>"/var/lock/smt-ha-$name.lock"
}

# install_file MODE FILE [OWNER:GROUP [PART]] < TEXT: replaces FILE as a whole, if it differs. PART is what is ours of a file that
# others change too; see ours.
install_file() {
  local new=$2.$$ owner=${3:-root:root}
  # It starts few processes: most runs of most steps change nothing.
  cat >"$STEP_DIR/file"
  if ! { [ -f "$2" ] && cmp -s "$STEP_DIR/file" "$2" && [ "$(stat -c %a:%U:%G "$2")" = "$1:$owner" ]; }; then
    install -m "$1" -o "${owner%:*}" -g "${owner#*:}" "$STEP_DIR/file" "$new"
    # Before the change, which would be unknown to the next run if this one ended here.
    echo "$2" >>"$STEP_WROTE"
    mv -f "$new" "$2"
    say "wrote $2"
  fi
  ours "$2" "${4-p}"
}

# ours FILE [PART]: notes that FILE has to stay as this step leaves it, or what the sed script PART prints of it (nothing, if it is
# empty). By that, 'smt-ha drift' tells what was changed since. For a file that a step does not install at every run.
ours() { [ -z "${2-p}" ] || printf '%s\t%s\n' "$1" "${2-p}" >>"$STEP_DIR/ours"; }

# wrote FILE: whether install_file has changed FILE in this run, or in one before that did not come to its end.
wrote() { grep -qxF "$1" "$STEP_WROTE" 2>/dev/null; }
