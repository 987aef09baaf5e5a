# JSON, which no platform's shell has a program for.
# shellcheck shell=bash

# json [FILE]...: prints records as JSON. A record is a line, its fields are separated by tabs: "{ NAME" and "[ NAME" open an
# object and a list, "}" and "]" close them, "s NAME TEXT" is a text, "v NAME VALUE" a number, true, false or null. What is
# none of these becomes a text. NAME is empty for the document itself, and in a list.
json() {
  awk -F '\t' '
    BEGIN {
      for (i = 1; i < 32; i++) escaped[sprintf("%c", i)] = sprintf("\\u%04x", i)
      escaped["\""] = "\\\""
      escaped["\\"] = "\\\\"
    }
    function text(raw,    i, c, result) {
      for (i = 1; i <= length(raw); i++) {
        c = substr(raw, i, 1)
        result = result (c in escaped ? escaped[c] : c)
      }
      return "\"" result "\""
    }
    function line(    i) {
      printf "\n"
      for (i = 0; i < depth; i++) printf "  "
    }
    function item(name) {
      if (depth) {
        if (count[depth]++) printf ","
        line()
      }
      if (name != "") printf "%s: ", text(name)
    }
    $1 == "{" || $1 == "[" { item($2); printf "%s", $1; count[++depth] = 0 }
    $1 == "}" || $1 == "]" { if (count[depth--]) line(); printf "%s", $1 }
    $1 == "s" || $1 == "v" {
      item($2)
      value = substr($0, length($2) + 4)
      plain = $1 == "v" && value ~ /^(-?(0|[1-9][0-9]*)([.][0-9]+)?|true|false|null)$/
      printf "%s", plain ? value : text(value)
    }
    END { printf "\n" }' "$@"
}

# Each prints one record. A text is one line.
object() { printf '{\t%s\n' "${1-}"; }
list() { printf '[\t%s\n' "${1-}"; }
end() { echo '}'; }
end_list() { echo ']'; }
value() { printf 'v\t%s\t%s\n' "$1" "$2"; }
text() {
  local newline=$'\n'
  printf 's\t%s\t%s\n' "$1" "${2//$newline/ }"
}
