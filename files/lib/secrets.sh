# Keeps secrets out of what leaves a node. It has what each platform's awk has: no intervals such as {3}.
# shellcheck shell=bash

# secrets_known: the secrets that this node's own files hold, a line each, the longest first: one may be a part of another.
secrets_known() {
  local file
  for file in "$SMT_CONF" /etc/iscsi/iscsid.conf "$ISCSI_RECORDS"/*/*/default "$ISCSI_RECORDS"/*/default \
    /etc/smt-ha/health.cnf /root/.my.cnf /etc/my.cnf /etc/my.cnf.d/* /etc/mysql/*.cnf /etc/mysql/*/*.cnf \
    /etc/zypp/credentials.d/*; do
    [ ! -f "$file" ] || cat "$file"
  done 2>/dev/null | awk '
    match(tolower($0), /^[ \t]*[a-z0-9_.-]*(pass|passwd|password|passphrase|secret|token)[a-z0-9_.-]*[ \t]*=[ \t]*/) {
      value = substr($0, RLENGTH + 1)
      sub(/[ \t\r]+$/, "", value)
      if (value ~ /^".*"$/ || value ~ /^\047.*\047$/) value = substr(value, 2, length(value) - 2)
      print value
    }' >"$STEP_DIR/values"
  # The password of the replication link, and the cluster's key.
  {
    sed -n 6p /var/lib/mysql/master.info
    tr -d '\0' </etc/corosync/authkey | grep -a '^[[:print:]]*$'
  } >>"$STEP_DIR/values" 2>/dev/null || :
  # A shorter one could be any word: it goes where a label says what it is.
  awk 'length($0) >= 6 { print length($0) "\t" $0 }' "$STEP_DIR/values" | sort -rn | cut -f 2-
}

# without_secrets FILE...: prints the files without secrets, each after a line "@@ FILE", its lines after a space. It removes the
# values that secrets_known has found, private keys, and what a label calls a secret.
without_secrets() {
  secrets_known >"$STEP_DIR/known"
  awk -v known="$STEP_DIR/known" -v folder="$STEP_DIR/found/" '
    BEGIN {
      removed = "[removed]"
      while ((getline value <known) > 0) values[++count] = value
      quote = "[\042\047]"
      label = "[a-z0-9_.-]*(password|passwd|passphrase|secret|authkey|authorization)[a-z0-9_.-]*"
      # Alone, these are also a part of other words, such as passive and token_retransmits.
      labels = "(" label "|[a-z0-9_.-]*pass|[a-z0-9_.-]*token)"
      option = "(--[a-z-]*(password|secret|token)|identified by( password)?)[ \t]+"
      labelled = "(" labels quote "?[ \t]*[=:>][=>]?[ \t]*|" option ")"
    }

    # without VALUE LINE
    function without(value, line,    at, before) {
      while ((at = index(line, value))) {
        before = before substr(line, 1, at - 1) removed
        line = substr(line, at + length(value))
      }
      return before line
    }

    # closing TEXT: the position of the quote that closes the one at its beginning; 0 if there is none.
    function closing(text,    i) {
      for (i = 2; i <= length(text); i++) {
        if (substr(text, i, 1) == "\\") i++
        else if (substr(text, i, 1) == substr(text, 1, 1)) {
          # Doubled, it stands for itself.
          if (substr(text, i + 1, 1) != substr(text, 1, 1)) return i
          i++
        }
      }
      return 0
    }

    # what_labels_name LINE: without what stands after a label: in quotes, or to the end of the line.
    function what_labels_name(line,    before, found, end) {
      while (match(tolower(line), labelled)) {
        found = tolower(substr(line, RSTART, RLENGTH))
        before = before substr(line, 1, RSTART + RLENGTH - 1)
        line = substr(line, RSTART + RLENGTH)
        if (line == "") break
        if (line ~ /^(YES|NO)[)]/ || (found ~ /token/ && line ~ /^[0-9]+[ \t]*$/)) continue
        end = line ~ ("^" quote) ? closing(line) : 0
        if (end == 0) return before removed
        before = before substr(line, 1, 1) removed
        line = substr(line, end)
      }
      return before line
    }

    function clean(line,    i, lower) {
      for (i = 1; i <= count; i++) if (index(line, values[i])) line = without(values[i], line)
      lower = tolower(line)
      if (lower ~ /pass|secret|token|authkey|authorization|identified by/) {
        if (lower ~ ("name=" quote label quote)) gsub(/value="[^"]*"/, "value=\"" removed "\"", line)
        line = what_labels_name(line)
      }
      if (index(line, "://")) gsub(/:\/\/[^\/@ \t"\047<>]*@/, "://" removed "@", line)
      if (index(lower, "mysql")) gsub(/ -p[^ \t]+/, " -p" removed, line)
      gsub(/hacluster:[^ \t:]+/, "hacluster:" removed, line)
      # The statement of a failed replication link holds the data of a client.
      sub(/[Qq]uery: \047.*/, "Query: " removed, line)
      return line
    }

    # A key whose beginning is missing: its lines are here already.
    function take_back() {
      while (lines > 0 && length(kept[lines]) > 30 && kept[lines] ~ /^[A-Za-z0-9+\/=]+$/) kept[lines--] = ""
      kept[++lines] = removed
    }

    function flush(    i) {
      for (i = 1; i <= lines; i++) print " " kept[i]
      lines = inside = 0
    }

    FNR == 1 {
      flush()
      print "@@ " substr(FILENAME, length(folder) + 1)
    }
    inside {
      if (match($0, /-----END [A-Z ]*PRIVATE KEY-----/)) {
        inside = 0
        kept[++lines] = clean(substr($0, RSTART + RLENGTH))
      }
      next
    }
    match($0, /-----BEGIN [A-Z ]*PRIVATE KEY-----/) {
      rest = substr($0, RSTART)
      before = substr($0, 1, RSTART - 1)
      after = ""
      if (match(rest, /-----END [A-Z ]*PRIVATE KEY-----/)) after = substr(rest, RSTART + RLENGTH)
      else inside = 1
      kept[++lines] = clean(before) removed clean(after)
      next
    }
    /-----END [A-Z ]*PRIVATE KEY-----/ { take_back(); next }
    { kept[++lines] = clean($0) }
    END { flush() }' "$@"
}
