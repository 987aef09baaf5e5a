# Files with sections, such as smt.conf.
# shellcheck shell=bash

# ini_merge SETTINGS FILE: prints FILE with the SETTINGS in it. Both have sections of keys with values. Comments, order and
# the keys that SETTINGS does not name stay; a missing key goes to the end of its section.
ini_merge() {
  awk '
    function trim(text) { gsub(/^[ \t]+|[ \t\r]+$/, "", text); return text }
    function keep_blank() { printf "%s", blank; blank = "" }
    # Adds the keys that the section lacks, before the blank lines at its end.
    function complete(   i) {
      for (i = 1; i <= count; i++) if (!done[i] && sections[i] == section) { print keys[i] "=" values[i]; done[i] = 1 }
      keep_blank()
    }
    { line = trim($0); key = trim(substr(line, 1, index(line, "=") - 1)); value = trim(substr(line, index(line, "=") + 1)) }
    FILENAME == ARGV[1] && line ~ /^\[/ { named = line; next }
    FILENAME == ARGV[1] { sections[++count] = named; keys[count] = key; values[count] = value; next }
    line == "" { blank = blank $0 "\n"; next }
    line ~ /^\[.*\]$/ { complete(); section = line; print; next }
    {
      keep_blank()
      # Neither # nor ; can start a key of ours.
      for (i = 1; i <= count; i++) if (sections[i] == section && keys[i] == key) {
        if (!done[i]) print (value == values[i] ? $0 : key "=" values[i])
        done[i] = 1
        next
      }
      print
    }
    END {
      complete()
      for (i = 1; i <= count; i++) if (!done[i]) {
        if (sections[i] != section) { section = sections[i]; print "\n" section }
        print keys[i] "=" values[i]
      }
    }' "$1" "$2"
}
