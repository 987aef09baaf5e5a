# SMT's repositories. Lists of them have lines "name|target|product|url|description". The last three are empty for a
# repository of upstream's, the target for one that has none.
# shellcheck shell=bash
# shellcheck source=files/lib/database.sh
. "$SMT_HA/lib/database.sh"

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

# product_numbers PRODUCT: the number that smt-setup-custom-repos takes for a product, which is named as
# "identifier/version/architecture", or by its number in the customer center. Nothing if SMT does not know the product; more than
# one line if several of its releases are of that name. SMT 12 numbers products by itself, so a new database has other numbers.
product_numbers() {
  local identifier version architecture condition
  case $1 in
  */*)
    IFS=/ read -r identifier version architecture <<END
$1
END
    condition="PRODUCTLOWER = LOWER($(quoted "$identifier")) AND VERSIONLOWER = LOWER($(quoted "$version"))
      AND ARCHLOWER = LOWER($(quoted "$architecture"))"
    ;;
  *)
    # SMT 11 takes the customer center's numbers, and without having heard of the product.
    if [ "$SMT_PRODUCT_NUMBER" = PRODUCTDATAID ]; then
      echo "$1"
      return
    fi
    condition="PRODUCTDATAID = $1"
    ;;
  esac
  echo "SELECT $SMT_PRODUCT_NUMBER, IFNULL(REL, '') FROM Products WHERE PRODUCT_LIST = 'Y' AND $condition" | sql smt |
    awk -F '\t' '
      $2 == "" { plain = plain $1 "\n"; next }
      { others = others $1 "\n" }
      END { printf "%s", plain == "" ? others : plain }'
}
