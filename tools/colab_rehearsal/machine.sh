#!/bin/sh
# A machine with folders of its own at the top, such as /content, and all else
# as here.
#   unshare --user --map-root-user --mount machine.sh EMPTY_FOLDER TOP COMMAND
# TOP holds the folders to put at the top. No right of root is needed, and when
# the command ends, nothing of the machine is left.
set -e
new=$1 top=$2
shift 2
mount -t tmpfs machine "$new"
for path in /* "$top"/*; do
  at=$new/$(basename "$path")
  if [ -L "$path" ]; then
    cp -P "$path" "$at"
  elif [ -d "$path" ]; then
    mkdir -p "$at"
    mount --rbind "$path" "$at"
  else
    : > "$at"
    mount --bind "$path" "$at"
  fi
done
if [ -d "$top/kaggle/input" ]; then # as Kaggle gives it: not to be written to
  mount --bind "$new/kaggle/input" "$new/kaggle/input"
  mount -o remount,bind,ro "$new/kaggle/input"
fi
exec chroot "$new" "$@"
