# What steps have written, so that a later look tells what was changed since. It needs no input of a step, and no secret.
# shellcheck shell=bash

# written LIST: how files are now, each a line "HASH MODE FILE PART", separated by tabs; none for a file that is gone. LIST has a
# line "FILE PART" for each: what the sed script PART prints of the file, "p" for the whole.
written() {
  local file part number=0 hashed='' files=''
  while IFS=$'\t' read -r file part; do
    [ -f "$file" ] || continue
    number=$((number + 1))
    # One process for all hashes: an emulated node needs long to start one.
    if [ "$part" = p ]; then
      hashed="$hashed $file"
    else
      sed -nr "$part" "$file" >"$STEP_DIR/part.$number" || return
      hashed="$hashed $STEP_DIR/part.$number"
    fi
    files="$files $file"
    printf '%s\t%s\n' "$file" "$part"
  done <"$1" >"$STEP_DIR/parts"
  [ $number -gt 0 ] || return 0
  # shellcheck disable=SC2086 # lists: no name has a blank
  {
    sha256sum $hashed | cut -c 1-64 >"$STEP_DIR/hashes" && stat -L -c %a:%u:%g $files >"$STEP_DIR/modes"
  } || return
  paste "$STEP_DIR/hashes" "$STEP_DIR/modes" "$STEP_DIR/parts"
}
