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

# sql_unlogged [DATABASE] < STATEMENTS: as sql, and no other database follows.
# shellcheck disable=SC2120 # not every step names a database
sql_unlogged() { { echo 'SET SESSION sql_log_bin = 0;' && cat; } | sql "$@"; }

# quoted TEXT: a text as SQL writes it.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g")"; }

# What this database is and has become is kept beside the data, in a database that is not replicated: so it is lost with
# the data and never without it.

# recall NAME: a value that is remembered; nothing where there is none.
recall() {
  sql_unlogged <<END
CREATE DATABASE IF NOT EXISTS smt_ha;
CREATE TABLE IF NOT EXISTS smt_ha.state (name VARCHAR(32) NOT NULL PRIMARY KEY, value TEXT NOT NULL) ENGINE=InnoDB;
SELECT value FROM smt_ha.state WHERE name = $(quoted "$1");
END
}

# remember NAME VALUE [NAME VALUE]...: all of them or none.
remember() {
  local rows=
  while [ $# -gt 0 ]; do
    rows="$rows${rows:+, }($(quoted "$1"), $(quoted "$2"))"
    shift 2
  done
  echo "REPLACE INTO smt_ha.state (name, value) VALUES $rows" | sql_unlogged
}

# coordinates: how far this database has written its binary log, as FILE:POSITION.
coordinates() { echo 'SHOW MASTER STATUS' | sql | awk '{ print $1 ":" $2 }'; }

# link FIELD: of SHOW SLAVE STATUS; nothing where there is no link.
link() { echo 'SHOW SLAVE STATUS\G' | database_client mysql --user=root --connect-timeout=10 --batch | sed -n "s/^ *$1: *//p"; }

# link_forget: there is no link any more, not after a restart either.
link_forget() { echo "DELETE FROM smt_ha.state WHERE name = 'link'; STOP SLAVE; RESET SLAVE" | sql_unlogged; }

# Rows by which databases see how far they have each other's changes; each database writes its own one only.
# mark VALUE: writes this database's.
mark() {
  sql smt <<END
CREATE TABLE IF NOT EXISTS smt_ha_marker (database_id VARCHAR(16) NOT NULL PRIMARY KEY, marker VARCHAR(255) NOT NULL);
REPLACE INTO smt_ha_marker (database_id, marker) VALUES ($(quoted "$(recall id)"), $(quoted "$1"));
END
}

# marked ID VALUE: whether the other database's has arrived.
marked() { [ "$(echo "SELECT marker FROM smt_ha_marker WHERE database_id = $(quoted "$1")" | sql smt)" = "$2" ]; }

# registrations: what the clients that are registered are known by, sorted.
registrations() {
  local table
  for table in Clients Registration; do
    if [ -n "$(echo "SHOW TABLES FROM smt LIKE '$table'" | sql)" ]; then
      echo "SELECT DISTINCT GUID FROM $table" | sql smt
    fi
  done >"$STEP_DIR/registrations"
  sort -u "$STEP_DIR/registrations"
}

# smt_dump [OPTION]...: SMT's database as SQL that replaces another one's, with nothing written meanwhile.
# shellcheck disable=SC2120 # only one use has options
smt_dump() { database_client mysqldump --user=root --databases smt --add-drop-database --routines --lock-all-tables "$@"; }

# Where the dump is on the shared file system, for the nodes to be seeded.
seed_folder() { printf '%s/.smt-ha-seed' "$1"; }
