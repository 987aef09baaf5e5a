# SMT's repositories. Lists of them are lines of the form "name|target|product|url|description"; the last three are empty for
# what upstream lists, the target where there is none.
# shellcheck shell=bash

# catalogs OPTION...: SMT's repositories, as "name|target|enabled|mirrorable" with Yes or No; with -o only the enabled ones.
catalogs() {
  smt-catalogs "$@" >"$STEP_DIR/catalogs" || fail "SMT cannot list its repositories: $(tail -n 1 "$STEP_LOG")" \
    "see whether its database runs: smt-catalogs"
  awk -F '|' 'NF >= 8 {
    for (i = 1; i <= NF; i++) gsub(/^ +| +$/, "", $i)
    print $5 "|" ($6 == "--" ? "" : $6) "|" $2 "|" $8
  }' "$STEP_DIR/catalogs"
}

# called NAME TARGET: a repository as people call it.
called() { echo "$1${2:+ for $2}"; }
