# Questions that a step asks side by side, for a limited time.
# shellcheck shell=bash

questions='' groups='' ended=' '
mkfifo "$STEP_DIR/ends"
exec 8<>"$STEP_DIR/ends"
trap questions_stop EXIT

# ask QUESTION COMMAND...: starts it. What it prints, and what it says of its failure, is in the files QUESTION and
# QUESTION.said; its end is a line "QUESTION CODE".
ask() {
  local question=$1
  shift
  # Each a process group, so that it can be ended as a whole.
  set -m
  (
    trap - ERR
    trap 'echo "$question $?" >&8' EXIT
    "$@"
  ) >"$STEP_DIR/$question" 2>"$STEP_DIR/$question.said" 3>&- &
  set +m
  questions="$questions $question"
  groups="$groups $question:$!"
}

# answers_await SECONDS: waits until all questions have ended or the time is over. A process that waits for a disk that is
# away can't be ended: nobody waits for it.
answers_await() {
  local question code waiting deadline=$((SECONDS + $1))
  # shellcheck disable=SC2086 # a list
  set -- $questions
  waiting=$#
  while [ $waiting -gt 0 ] && [ $SECONDS -lt $deadline ] && read -r -t $((deadline - SECONDS)) question code <&8; do
    ended="$ended$question:$code "
    waiting=$((waiting - 1))
  done
}

# has_ended QUESTION, has_answered QUESTION: whether it has ended, and without a failure.
has_ended() { case $ended in *" $1:"*) ;; *) return 1 ;; esac }
has_answered() { case $ended in *" $1:0 "*) ;; *) return 1 ;; esac }

# questions_stop: ends the questions that have not ended, each as a whole.
questions_stop() {
  local group
  for group in $groups; do
    has_ended "${group%:*}" || kill -KILL -- "-${group#*:}" || :
  done
}
