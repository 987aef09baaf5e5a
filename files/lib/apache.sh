# Apache's configuration files.
# shellcheck shell=bash

# follow_links DIRECTORY FILE: FILE, to standard output, with "Options FollowSymLinks" for "Options None" in the section of
# DIRECTORY and nowhere else. It fails where links are not followed there even so.
follow_links() {
  awk -v directory="$1" '
    tolower($1) == "<directory" {
      path = $0
      gsub(/^[ \t]*<[^ \t]+[ \t]+|[ \t]*>[ \t\r]*$|"/, "", path)
      inside = path == directory
    }
    tolower($1) ~ /^<\/directory>/ { inside = 0 }
    inside && tolower($1) == "options" {
      if (tolower($2) ~ /^none\r?$/) sub(/[Nn][Oo][Nn][Ee]/, "FollowSymLinks")
      if (tolower($0) ~ /[ \t+]followsymlinks|[ \t]all/) follows = 1
    }
    { print }
    END { exit !follows }' "$2"
}
