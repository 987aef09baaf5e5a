# SMT's repositories. Lists of them have lines "name|target|product|url|description". The last three are empty for a
# repository of upstream's, the target for one that has none.
# shellcheck shell=bash

# catalogs OPTION...: SMT's repositories, as "name|target|enabled|mirrorable" with Yes or No; with -o, the enabled ones.
catalogs() {
  smt-catalogs "$@" >"$STEP_DIR/catalogs" || fail "SMT cannot list its repositories: $(tail -n 1 "$STEP_LOG")" \
    "check that its database runs, then try: smt-catalogs"
  awk -F '|' 'NF >= 8 {
    for (i = 1; i <= NF; i++) gsub(/^ +| +$/, "", $i)
    print $5 "|" ($6 == "--" ? "" : $6) "|" $2 "|" $8
  }' "$STEP_DIR/catalogs"
}

# display_name NAME TARGET: the repository's name for messages.
display_name() { echo "$1${2:+ for $2}"; }
