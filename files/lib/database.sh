# The node's own database, as its root over the local socket.
# shellcheck shell=bash

# This database's own key and certificate, and the certificate of the one that it follows. The server may only read them.
# shellcheck disable=SC2034
DATABASE_TLS=/etc/smt-ha/database

# database_login: writes the login of database_client, with the password in section root-password if the step has one.
database_login() {
  local password
  if ! has_input root-password || [ -e "$STEP_DIR/.my.cnf" ]; then return 0; fi
  # In an option file, \ and " have a meaning.
  password=$(sed 's/[\\"]/\\&/g' "$(input root-password)")
  (umask 077 && printf '[client]\npassword="%s"\n' "$password" >"$STEP_DIR/.my.cnf")
}

# database_client PROGRAM [ARGUMENT]...: runs a client program with this step's login, and without another one.
database_client() {
  local program=$1
  shift
  database_login
  # On the socket, a client encrypts as soon as the server has a certificate: for nothing but a slower start.
  HOME=$STEP_DIR "$program" --loose-skip-ssl "$@"
}

# sql [DATABASE] < STATEMENTS: prints rows, a line each, without names, their columns separated by tabs. Statements come on
# standard input, where no other user sees a secret. The server's general log, if it has one, leaves them out.
# shellcheck disable=SC2120 # not every step names a database
sql() {
  { echo 'SET SESSION sql_log_off = 1;' && cat; } |
    database_client mysql --user=root --connect-timeout=10 --batch --skip-column-names "$@"
}

# shellcheck disable=SC2119 # the database does not matter
database_answers() { echo 'SELECT 1' | sql; }

# database_ready: waits until the database answers; fails if it does not.
database_ready() {
  retry 60 database_answers || fail "the database does not answer: $(database_answers 2>&1 | tail -n 1 || :)" \
    "start $DATABASE_SERVICE on this node; if the database's root has a password: pulumi config set --secret databaseRootPassword"
}

# sql_unlogged [DATABASE] < STATEMENTS: like sql, but without replication to other databases.
# shellcheck disable=SC2120 # not every step names a database
sql_unlogged() { { echo 'SET SESSION sql_log_bin = 0;' && cat; } | sql "$@"; }

# quoted TEXT: the text as a string of SQL.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g")"; }

# The database's own state is beside the data, in a database that is not replicated, so it is lost exactly when the data
# are lost.

# recall NAME: a value of the state; empty if there is none.
recall() {
  sql_unlogged <<END
CREATE DATABASE IF NOT EXISTS smt_ha;
CREATE TABLE IF NOT EXISTS smt_ha.state (name VARCHAR(32) NOT NULL PRIMARY KEY, value TEXT NOT NULL) ENGINE=InnoDB;
SELECT value FROM smt_ha.state WHERE name = $(quoted "$1");
END
}

# remember NAME VALUE [NAME VALUE]...: writes values of the state, all or none.
remember() {
  local rows=
  while [ $# -gt 0 ]; do
    rows="$rows${rows:+, }($(quoted "$1"), $(quoted "$2"))"
    shift 2
  done
  echo "REPLACE INTO smt_ha.state (name, value) VALUES $rows" | sql_unlogged
}

# coordinates: the end of this database's binary log, as FILE:POSITION.
coordinates() { echo 'SHOW MASTER STATUS' | sql | awk '{ print $1 ":" $2 }'; }

# link FIELD: a field of SHOW SLAVE STATUS; empty if there is no replication link. MySQL 5.0 has Last_Error for every error of
# the link; later ones have it for those of applying, and Last_IO_Error for the others.
link() {
  echo 'SHOW SLAVE STATUS\G' | database_client mysql --user=root --connect-timeout=10 --batch | sed -n "s/^ *$1: *//p"
}

# while_applying SECONDS COMMAND...: repeats the command until it succeeds. Gives up when this database has applied no change of
# the others for so many seconds: a first sync writes for minutes, and takes longer here. After ten minutes of the step it gives
# up too, since the next step waits for its lane for a quarter of an hour.
while_applying() {
  local patience=$1 deadline=$((SECONDS + $1)) before='' now
  shift
  until "$@"; do
    now=$(link '\(Relay_Master_Log_File\|Exec_Master_Log_Pos\)' || true)
    if [ "$now" != "$before" ]; then
      before=$now
      deadline=$((SECONDS + patience))
    fi
    if [ $SECONDS -ge $deadline ] || [ $SECONDS -ge 600 ]; then return 1; fi
    sleep 1
  done
}

# link_encrypted: whether the link is encrypted and checks whose database it follows.
link_encrypted() { [ "$(link Master_SSL_Allowed) $(link Master_SSL_Verify_Server_Cert)" = 'Yes Yes' ]; }

# link_forget: removes the replication link, also for the time after a restart.
link_forget() { echo "DELETE FROM smt_ha.state WHERE name = 'link'; STOP SLAVE; RESET SLAVE" | sql_unlogged; }

# database_has_gtid: whether the server has MariaDB's global transaction IDs, DOMAIN-SERVER-NUMBER. Each database counts its
# own changes in a domain of its own.
database_has_gtid() { [ -n "$(echo "SHOW VARIABLES LIKE 'gtid_slave_pos'" | sql)" ]; }

# database_reseed NODE: how to give a node's database the data of the other nodes.
database_reseed() {
  printf '%s' "on $1 only: mysql -e 'DROP DATABASE smt_ha'; then pulumi up --replace '**$1-database-configure'"
}

# need_history: ends the step if this database went back in time. Its own changes come back to it on their way round the
# ring, where they are counted and skipped: then it has received more of them than it has ever made. A procedure compares,
# so that the answer is kept whoever asks first, with however few privileges: the database makes more changes meanwhile.
need_history() {
  database_has_gtid || return 0
  recall lost >/dev/null
  sql_unlogged <<'SQL' >"$STEP_DIR/lost"
DELIMITER //
CREATE OR REPLACE PROCEDURE smt_ha.lost()
BEGIN
  DECLARE own VARCHAR(64) DEFAULT CONCAT('(^|,)', @@global.gtid_domain_id, '-[0-9]+-\\K[0-9]+');
  DECLARE received BIGINT UNSIGNED DEFAULT CONCAT('0', REGEXP_SUBSTR(@@global.gtid_slave_pos, own));
  DECLARE made BIGINT UNSIGNED DEFAULT CONCAT('0', REGEXP_SUBSTR(@@global.gtid_binlog_pos, own));
  IF received > made THEN
    INSERT IGNORE INTO smt_ha.state (name, value) VALUES ('lost', NOW());
  END IF;
  SELECT value FROM smt_ha.state WHERE name = 'lost';
END;
//
DELIMITER ;
CALL smt_ha.lost();
SQL
  ! [ -s "$STEP_DIR/lost" ] || fail \
    "this node's database went back in time: the others have changes of it that it has lost, as after a restore" \
    "give it the data of the others; $(database_reseed "$(uname -n)")"
}

# Markers are rows that show how far a change of one database has reached the others. Each database writes its own only.
# mark VALUE: writes this database's marker.
mark() {
  sql smt <<END
CREATE TABLE IF NOT EXISTS smt_ha_marker (database_id VARCHAR(16) NOT NULL PRIMARY KEY, marker VARCHAR(255) NOT NULL);
REPLACE INTO smt_ha_marker (database_id, marker) VALUES ($(quoted "$(recall id)"), $(quoted "$1"));
END
}

# marked ID VALUE: whether the other database's marker has arrived.
marked() {
  [ "$(echo "SELECT marker FROM smt_ha_marker WHERE database_id = $(quoted "$1")" | sql smt)" = "$2" ]
}

# registrations: the IDs of the registered clients, sorted.
registrations() {
  local table
  for table in Clients Registration; do
    if [ -n "$(echo "SHOW TABLES FROM smt LIKE '$table'" | sql)" ]; then
      echo "SELECT DISTINCT GUID FROM $table" | sql smt
    fi
  done >"$STEP_DIR/registrations"
  sort -u "$STEP_DIR/registrations"
}

# smt_dump [OPTION]...: prints SMT's database as SQL that replaces another one's; blocks writes meanwhile.
# shellcheck disable=SC2120 # only one use has options
smt_dump() {
  database_client mysqldump --user=root --databases smt --add-drop-database --routines --lock-all-tables "$@"
}

# seed_folder MOUNT: the directory of the dump on the shared file system.
seed_folder() { printf '%s/.smt-ha-seed' "$1"; }
