# The node's own database, as its root over the local socket.
# shellcheck shell=bash

# database_login: lets the client programs log in with the password of section root-password, where the step has one.
database_login() {
  local password
  has_input root-password || return 0
  # As an option file takes it: \, " and # would have a meaning.
  password=$(sed 's/[\\"]/\\&/g' "$(input root-password)")
  (umask 077 && printf '[client]\npassword="%s"\n' "$password" >"$STEP_DIR/.my.cnf")
}
database_login

# database_client PROGRAM [ARGUMENT]...: runs a client program, with no other login than this step's.
database_client() { HOME=$STEP_DIR "$@"; }

# sql [DATABASE] < STATEMENTS: prints rows, a line each, their columns separated by tabs, without names. The statements
# come on standard input: there no secret shows. The server's general log, if it has one, leaves them out.
# shellcheck disable=SC2120 # not every step names a database
sql() { { echo 'SET SESSION sql_log_off = 1;' && cat; } | database_client mysql --user=root --connect-timeout=10 --batch --skip-column-names "$@"; }

# shellcheck disable=SC2119 # the database does not matter
database_answers() { echo 'SELECT 1' | sql; }

# database_ready: waits until the database answers; the step ends if it does not.
database_ready() {
  retry 60 database_answers || fail "the database does not answer: $(database_answers 2>&1 | tail -n 1 || :)" \
    "see that $DATABASE_SERVICE runs on this node, and if its root has a password: pulumi config set --secret databaseRootPassword"
}
